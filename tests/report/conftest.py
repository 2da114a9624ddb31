"""A report, and a browser that has it open."""

from pathlib import Path

import pytest

from tests.report import moving
from tests.report.driving import DESKTOP, await_frame


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of `tests.report.moving`."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    moving.make_maps().report(path, moving.make_clip(), {"seed": 7})
    return path


@pytest.fixture
def open_page(browser):
    """Opens a report, and in the end finds no error in the console and no request sent."""
    contexts, complaints, requests = [], [], []

    def open_it(path, *, viewport=DESKTOP, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        await_frame(page, 0)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith(("file:///", "blob:null/")) for url in requests)
