"""The command `imap-fast`, for tests: the app has no time limits, and tests can stop it.

While the file `hold` is in TMPDIR, the generation of a video waits.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from imap_fast.app import examples, job
from imap_fast.cli import main


def held_up(function):
    """`function`, but a call waits while `hold` exists."""

    def wrapped(*arguments, **named):
        while (Path(os.environ["TMPDIR"]) / "hold").exists():
            time.sleep(0.02)
        return function(*arguments, **named)

    return wrapped


def patient(function):
    """`function`, but a call first removes the time limits of Gradio: after its import, and before its start."""

    def wrapped(*arguments):
        from gradio import http_server, networking

        http_server.time = SimpleNamespace(time=lambda: 0, sleep=time.sleep)
        networking.url_ok = lambda url: True
        return function(*arguments)

    return wrapped


if __name__ == "__main__":
    job.trace = held_up(job.trace)
    examples.demo_examples = patient(examples.demo_examples)
    sys.exit(main(sys.argv[1:]))
