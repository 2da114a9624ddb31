"""`imap-fast app`: all of it in a browser."""

from importlib.util import find_spec
from typing import Annotated

import typer

MIB = 2**20


def app(
    model: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL", help="As elsewhere: a folder, a Hugging Face id, or demo. Give several to choose from."
        ),
    ] = ["demo"],  # noqa: B006
    host: Annotated[
        str, typer.Option(metavar="NAME", envvar="GRADIO_SERVER_NAME", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", envvar="GRADIO_SERVER_PORT", min=1, max=65535, help="Else the first free one from 7860 on."
        ),
    ] = None,
    max_upload: Annotated[int, typer.Option(metavar="MIB", min=1, help="The largest video that is taken.")] = 200,
) -> None:
    """Do all of it in a browser: drop a clip or describe one, name concepts, and get the report.

    One job runs at a time, others wait in line. What was uploaded and made is gone when the app ends.
    """
    if find_spec("gradio") is None:
        raise ValueError("the app needs Gradio: pip install 'imap-fast[app]'")
    from imap_fast.app.serve import serve  # with diffusers, which takes seconds; --help does without

    serve(
        model,
        host=host,
        port=port,
        max_upload=max_upload * MIB,
        started=lambda address: typer.echo(f"{address}  open it in a browser; Ctrl-C ends it"),
    )
