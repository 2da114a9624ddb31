"""stdout and stderr: what they cannot show is escaped, and lines about errors are short."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LONGEST = 500
"""Characters in a line about an error. A user may give a value of millions."""

END = 180
"""Characters at the end of a line that is shortened: there it says what to do."""


def one_line(message: str) -> str:
    """A message on one line of at most `LONGEST` characters, without characters that move the cursor."""
    line = " ".join(message.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - END - 3]} … {line[-END:]}"
    escaped = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
    return escaped if len(escaped) <= LONGEST else f"{escaped[: LONGEST - 1]}…"


def complain(message: str) -> None:
    """Print one line on stderr. If nobody can read it, nothing happens."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        # As a print, which goes above a line that moves; `typer.echo` would write into it.
        print(f"imap-fast: {one_line(message)}", file=sys.stderr, flush=True)


@contextmanager
def escaped_output() -> Iterator[None]:
    """Escape what the encoding of stdout and stderr lacks, instead of raising: a terminal may not be UTF-8."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, io.TextIOWrapper)]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with suppress(OSError, ValueError):  # it was closed
                stream.reconfigure(errors=errors)


def occupy_closed_streams() -> None:
    """Open the null device in place of a standard stream that the process got closed.

    Otherwise the next file to be opened takes its number, and receives what libraries print.
    """
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while os.open(os.devnull, os.O_RDWR) < 2:
            pass


def discard_stdout() -> None:
    """Drop what stdout still holds for a reader that is gone, so that Python does not complain of it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
