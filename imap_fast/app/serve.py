"""Runs the app: its files, its address, and its end."""

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from imap_fast.app.models import Models


def serve(
    names: Sequence[str], *, host: str, port: int | None, max_upload: int, on_start: Callable[[str], None]
) -> None:
    """Serve the app until the process is interrupted or terminated. Then all its files are deleted.

    Args:
        names: the models to choose from. The first one is loaded at once.
        host: address to listen on.
        port: port to listen on. None: the first free one from 7860 on.
        max_upload: the largest video, in bytes.
        on_start: called with the URL.

    Raises:
        ValueError: the first model cannot be loaded, or the address is not available.
        TypeError: the first model cannot be traced.
    """
    models = Models(names)
    models.load(models.names[0])
    with TemporaryDirectory(prefix="imap-fast-app-") as folder:
        # Gradio reads these two at import.
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
            raise ValueError(f"--host {host} --port {port}: this address is not available; give another") from error
        on_start(address)
        # SIGTERM, which ends services, ends the app like Ctrl-C, so that its files are deleted.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            Event().wait()
        page.close(verbose=False)
