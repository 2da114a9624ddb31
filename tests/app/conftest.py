"""A running app, and pages of it in a browser, which may send requests to no other host."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from imap_fast.demo.shipped_model import MODEL
from tests.conftest import PATIENCE
from tests.report.driving import DESKTOP


@dataclass(frozen=True)
class RunningApp:
    """An app that listens at `address` and keeps its files in `folder`."""

    address: str
    folder: Path

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Stop the app before it generates a video, until the block of the `with` ends."""
        hold = self.folder / "hold"
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()


@pytest.fixture(scope="session")
def app(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app with the demo model, by name and by folder, and videos up to 1 MiB. At its end it deletes its files."""
    if find_spec("gradio") is None:
        pytest.skip("pip install 'imap-fast[app]' to test the app")
    folder = tmp_path_factory.mktemp("app")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        environment = {"GRADIO_SERVER_PORT": str(free.getsockname()[1]), "TMPDIR": str(folder)}
    arguments = ["app", "--model", "demo", "--model", str(MODEL), "--max-upload", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.app.serving", *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    address = process.stdout.readline().split()[0]
    yield RunningApp(address, folder)
    kept = [path.name for path in folder.iterdir()]
    process.terminate()
    rest, _ = process.communicate(timeout=PATIENCE / 1000)
    assert (process.returncode, rest) == (0, "")
    assert [name.rpartition("-")[0] for name in kept] == ["imap-fast-app"]
    assert list(folder.iterdir()) == []


@pytest.fixture
def open_app(new_page):
    """A function that opens the page of an app. At the end, no request to another host was sent."""
    hosts = set()

    def open_it(app, *, viewport=DESKTOP, scheme="light"):
        page = new_page(viewport=viewport, scheme=scheme)
        page.context.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(app.address)
        page.get_by_role("button", name="Show where and when").wait_for()
        return page

    yield open_it
    assert hosts - {None} == {"127.0.0.1"}  # blobs have no host
