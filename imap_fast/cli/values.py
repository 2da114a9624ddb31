"""What an option takes at all: the parsers of all paths and texts on the command line."""

import os
import stat
from pathlib import Path

import typer


def path(value: str | os.PathLike) -> Path:
    """The path that a value names. There may be nothing yet.

    Raises:
        BadParameter: it is empty, cannot be opened, or leads to a pipe or a device, which may never end.
    """
    text = os.fspath(value)
    if not text:
        raise typer.BadParameter("the path is empty; give one, or omit the option")
    try:
        mode = os.stat(text).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Path(text)
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", error)
        raise typer.BadParameter(f"{text!r} cannot be opened ({reason}); give another path") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise typer.BadParameter(f"{text!r} is a pipe or a device; give a file or a folder")
    return Path(text)


def text(value: str) -> str:
    """A value that is text.

    Raises:
        BadParameter: it is empty or blank, has a null character, or is not UTF-8.
    """
    if not value.strip():
        raise typer.BadParameter(f"{value!r} is empty; give a value, or omit the option")
    if "\0" in value:
        raise typer.BadParameter(f"{value!r} has a null character; remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise typer.BadParameter(f"{value!r} is not text in UTF-8; write it again") from error
    return value
