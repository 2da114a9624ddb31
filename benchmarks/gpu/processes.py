"""Processes that end in time, with all that they started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

DYING = 10
"""Seconds that a killed process may take to end. One that waits for a broken driver never does."""


def run_until(command: Sequence[str], seconds: float, log: Path) -> int | None:
    """Run a command, and kill it and all processes that it started when its time is over.

    Args:
        command: program and arguments.
        seconds: its time.
        log: receives what it prints.

    Returns:
        Its exit code, negative for the signal that ended it. None if it was killed here.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        # A session of its own is a process group of its own.
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(DYING)


def end_with(parent: int) -> None:
    """Kill this process and its group as soon as its parent is gone, which may have been killed, too."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    Thread(target=watch, daemon=True).start()


def last_line(text: str) -> str:
    """The last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
