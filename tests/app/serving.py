"""The command `imap-fast`, with an app that is as patient as the machine is slow, and that can be held up.

While a file `hold` is in TMPDIR, a video is begun and does not go on.
"""

import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from imap_fast.app import examples, job
from imap_fast.cli import main


def held_up(function):
    """`function`, which begins once there is no `hold`."""

    def wrapped(*arguments, **named):
        while (Path(os.environ["TMPDIR"]) / "hold").exists():
            time.sleep(0.02)
        return function(*arguments, **named)

    return wrapped


def patient(function):
    """`function`, before which Gradio loses its limits of seconds: it is called after its import, before its start."""

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
