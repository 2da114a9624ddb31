"""A report, and its page in a browser."""

from pathlib import Path

import pytest

from tests.report import moving
from tests.report.driving import DESKTOP, NOTE_WORK, await_frame


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `tests.report.moving`."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    moving.lose_a_score(moving.make_maps()).report(path, moving.make_clip(), {"seed": 7})
    return path


@pytest.fixture
def open_page(new_page):
    """A function that opens a report. At the end, the page sent no request over the network."""
    requests = []

    def open_it(path, *, viewport=DESKTOP, scheme="light"):
        page = new_page(viewport=viewport, scheme=scheme)
        page.on("request", lambda request: requests.append(request.url))
        page.add_init_script(NOTE_WORK)
        page.goto(path.as_uri())
        await_frame(page, 0)
        return page

    yield open_it
    assert all(url.startswith(("file:///", "blob:null/")) for url in requests)
