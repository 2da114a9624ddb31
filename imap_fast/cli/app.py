"""`imap-fast app`: the app, which runs in a browser."""

from importlib.util import find_spec
from typing import Annotated

import typer

from imap_fast.cli import options
from imap_fast.loading.source import model_source

MIB = 2**20


def app(
    model: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL", help="A folder, a Hugging Face id, or demo. Repeat the option to offer several models."
        ),
    ] = ["demo"],  # noqa: B006
    host: Annotated[
        str,
        typer.Option(
            metavar="NAME", envvar="GRADIO_SERVER_NAME", help="Address to listen on; 0.0.0.0 is all interfaces."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            envvar="GRADIO_SERVER_PORT",
            min=1,
            max=65535,
            help="Default: the first free one from 7860 on.",
        ),
    ] = None,
    max_upload: Annotated[
        int, typer.Option(metavar="MIB", min=1, max=options.LARGEST, help="The largest video to upload.")
    ] = 200,
) -> None:
    """Explain or generate videos in a browser: upload a clip or describe one, name concepts, and get the report.

    One job runs at a time, the others wait. Uploads and results are deleted when the app ends.
    """
    if find_spec("gradio") is None:
        raise ValueError("the app needs Gradio: pip install 'imap-fast[app]'")
    for name in model:
        model_source(name)
    from imap_fast.app.serve import serve

    serve(
        model,
        host=host,
        port=port,
        max_upload=max_upload * MIB,
        on_start=lambda address: typer.echo(f"{address}  open it in a browser; Ctrl-C ends it"),
    )
