"""The app while it runs: what it writes, where it listens, and how it ends."""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from imap_fast.app.models import Models


def serve(
    names: Sequence[str], *, host: str, port: int | None, max_upload: int, started: Callable[[str], None]
) -> None:
    """Serve the app until the process is interrupted or told to end; then nothing of it is left on the disk.

    Args:
        names: of the models to pick from; the first is loaded at once.
        host: to listen on.
        port: to listen on. None: the first from 7860 on that is free.
        max_upload: the largest video taken, in bytes.
        started: is told the address.

    Raises:
        ValueError: the first model cannot be loaded, or nobody can listen there. TypeError: it cannot be traced.
    """
    models = Models(names)
    models.load(names[0])
    with TemporaryDirectory(prefix="imap-fast-app-") as folder:
        # Gradio reads these two while it is imported.
        os.environ |= {"GRADIO_TEMP_DIR": f"{folder}/uploads", "GRADIO_ANALYTICS_ENABLED": "False"}
        from imap_fast.app.examples import demo_examples
        from imap_fast.app.page import build_page
        from imap_fast.app.results import Results
        from imap_fast.app.theme import theme

        results = Results(Path(folder) / "results")
        examples = demo_examples(Path(folder)) if "demo" in names else {}
        page = build_page(models, results, examples)
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                max_file_size=max_upload,
                theme=theme(),
                css_paths=Path(__file__).parent / "style.css",
                app_kwargs={"routes": [results.route]},
                footer_links=[],
                run_history=False,
                share=False,
                ssr_mode=False,
                mcp_server=False,
                pwa=False,
                enable_monitoring=False,
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise ValueError(f"--host {host} --port {port}: nothing can listen there; give others") from error
        started(address)
        # Services are told to end by SIGTERM: it ends the app as Ctrl-C does, not the process on the spot.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            Event().wait()
        page.close(verbose=False)
