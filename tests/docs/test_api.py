"""The page of the API has every public name."""

import importlib

import pytest

from tests.docs.messages import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize(
    "module", ["imap_fast", "imap_fast.evaluate", "imap_fast.masks", "imap_fast.video", "imap_kernels"]
)
def test_every_public_name_is_on_the_page(module):
    names = importlib.import_module(module).__all__
    assert names
    assert [name for name in names if f".{name}\n" not in PAGE and f"`{name}`" not in PAGE] == []
