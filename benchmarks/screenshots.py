"""Pictures of the demo, of the report and of the app for the docs: `python -m benchmarks.screenshots` makes them.

Report and app show the demo, at the width of a desktop and of a phone. It needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from benchmarks.record import PICTURES
from imap_fast.files import atomic_write

WINDOWS = {1280: (960, 2200), 390: (844, 1560)}
"""The height of the window, and the largest height of a picture, at each width in pixels."""

LARGEST = 500_000
"""Bytes of a picture. A page of the docs has several."""

PATIENCE = 10 * 60 * 1000
"""Milliseconds that a page may take for anything: a machine can be slow."""

FRAME = 12
"""The frame that is shown: the middle of the demo's clip."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APP = [sys.executable, "-c", "import sys; from imap_fast.cli import main; sys.exit(main(['app']))"]
"""The command that serves the app with the demo model."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium: the one that is installed, or playwright's own."""
    from playwright.sync_api import sync_playwright

    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        # Without its sandbox, which root cannot have; the pages are our own.
        browser = playwright.chromium.launch(executable_path=installed, args=["--disable-gpu", "--no-sandbox"])
        yield browser
        browser.close()


def of_report(browser: Any, report: Path, frame: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each picture of a report.

    Args:
        browser: from `chromium`.
        report: the page.
        frame: of the video, from 0.
    """
    for page, width in _pages(browser):
        page.goto(report.resolve().as_uri())
        _show(page, frame)
        yield f"report-{width}.png", _picture(page, width)


def of_app(browser: Any, address: str, frame: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each picture of an app with its first example.

    Args:
        browser: from `chromium`.
        address: where an app with the demo model listens.
        frame: of the video, from 0.
    """
    for page, width in _pages(browser):
        page.goto(address)
        page.get_by_role("button", name="a clip that the model was not trained on").click()
        page.get_by_label("Remove").or_(page.get_by_label("Clear")).first.wait_for()
        page.get_by_role("button", name="Show where and when").click()
        page.locator("#result iframe").wait_for()
        _show(page.frame_locator("#result iframe"), frame)
        yield f"app-{width}.png", _picture(page, width)


def of_demo(grid: Path) -> bytes:
    """The grid of the demo as a JPEG, which is a fifth of the size."""
    content = BytesIO()
    with Image.open(grid) as picture:
        picture.convert("RGB").save(content, "jpeg", quality=90, subsampling=0, optimize=True)
    return content.getvalue()


def write(pictures: dict[str, bytes], folder: Path) -> None:
    """Write pictures by their names, each atomically, and none if one is too large.

    Raises:
        ValueError: a picture has more than `LARGEST` bytes.
    """
    for name, content in pictures.items():
        if len(content) > LARGEST:
            raise ValueError(f"{name} has {len(content):,} bytes, and a page of the docs takes {LARGEST:,}; show less")
    for name, content in pictures.items():
        with atomic_write(folder / name) as unfinished:
            unfinished.write_bytes(content)


def _pages(browser: Any) -> Iterator[tuple[Any, int]]:
    """A new page of each width, in the light scheme."""
    for width, (height, _) in WINDOWS.items():
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
        context.set_default_timeout(PATIENCE)
        yield context.new_page(), width
        context.close()


def _show(report: Any, frame: int) -> None:
    """Go to a frame of a report, under the heat of its first concept by its map and by imap. Wait until it is drawn."""
    from playwright.sync_api import expect

    clock = report.locator("#clock")
    expect(clock).to_have_text(re.compile("^0 /"), timeout=PATIENCE)
    report.locator("#scrubber").fill(str(frame))
    expect(clock).to_have_text(re.compile(f"^{frame} /"), timeout=PATIENCE)
    report.locator("#scrubber").blur()
    report.get_by_role("radio", name="Heat map").check()
    report.get_by_label("imap", exact=True).check()
    report.locator("html").evaluate("page => page.ownerDocument.defaultView.scrollTo(0, 0)")


def _picture(page: Any, width: int) -> bytes:
    """The page from its top, as a PNG."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), WINDOWS[width][1])
    return page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})


@contextmanager
def running_app() -> Iterator[str]:
    """The address of an app with the demo model, which ends with the `with` block."""
    app = subprocess.Popen(APP, stdout=subprocess.PIPE, text=True)
    try:
        assert app.stdout is not None
        line = app.stdout.readline()
        if not line:
            raise RuntimeError("the app did not start; its error is above")
        yield line.split()[0]
    finally:
        app.terminate()
        app.wait()


def main() -> None:
    """Run the demo, and write its picture and those of its report and of the app."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=PICTURES, help="the folder of the pictures (docs/images)")
    arguments = parser.parse_args()
    from imap_fast.demo import run
    from imap_fast.maps.saliency_maps import SaliencyMaps

    with TemporaryDirectory() as folder, chromium() as browser, running_app() as address:
        demo = run.run(Path(folder))
        report = Path(folder) / "report.html"
        maps = SaliencyMaps.load(demo.files["maps"])
        maps.report(report, demo.files["clip"], {"command": "demo", "model": "demo"})
        pictures = {"demo.jpg": of_demo(demo.files["grid"])}
        pictures |= dict(of_report(browser, report, FRAME)) | dict(of_app(browser, address, FRAME))
    write(pictures, arguments.out)
    for name, content in pictures.items():
        print(f"{arguments.out / name}  {len(content) / 1000:.0f} KB")


if __name__ == "__main__":
    main()
