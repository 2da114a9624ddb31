"""The pictures of the docs: each one that a page refers to exists, and each one that exists is referred to."""

import re

import pytest
from PIL import Image

from benchmarks.record import PICTURES
from benchmarks.screenshots import LARGEST, WINDOWS
from tests.docs.messages import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_refers_only_to_pictures_that_exist(page):
    named = re.findall(r"!\[[^\]]*\]\(([^)#\s]+)\)|<img[^>]*\bsrc=[\"']([^\"']+)", page.read_text("utf-8"))
    local = [path for pair in named for path in pair if path and "://" not in path]
    assert [path for path in local if not (page.parent / path).is_file()] == []


def test_the_screenshots_are_in_the_pages_small_and_as_wide_as_they_say():
    for name in ("report", "app"):
        text = (ROOT / "docs" / f"{name}.md").read_text("utf-8")
        for width, (_, tallest) in WINDOWS.items():
            picture = PICTURES / f"{name}-{width}.png"
            assert f"(images/{picture.name})" in text
            assert picture.stat().st_size < LARGEST
            with Image.open(picture) as opened:
                assert opened.width == width
                assert opened.height <= tallest
    assert (PICTURES / "demo.jpg").stat().st_size < LARGEST


def test_every_picture_is_referred_to():
    named = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert [picture.name for picture in sorted(PICTURES.iterdir()) if f"images/{picture.name})" not in named] == []
