"""The page of the API has every public name."""

import dataclasses
import importlib
import re

import pytest

from imap_fast import SaliencyMaps
from tests.docs.messages import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")


@pytest.mark.parametrize(
    "module", ["imap_fast", "imap_fast.evaluate", "imap_fast.masks", "imap_fast.video", "imap_kernels"]
)
def test_every_public_name_is_on_the_page(module):
    names = importlib.import_module(module).__all__
    assert names
    assert [name for name in names if f".{name}\n" not in PAGE and f"`{name}`" not in PAGE] == []


INTERNAL = {
    "check_finite",
    "from_record",
    "head_score",
    "record",
    "select_agreement",
    "shown_maps",
    "source_video",
    "tensors",
    "time",
    "trail",
    "views",
}
"""What other rooms need of a result. It may change."""


def test_everything_of_a_result_is_on_the_page():
    section = PAGE[PAGE.index("::: imap_fast.SaliencyMaps\n") : PAGE.index("::: imap_fast.maps.values.MapValues\n")]
    members = set(re.findall(r"^ +- (\w+)$", section, re.MULTILINE))
    # The fields are described together.
    public = {name for name in dir(SaliencyMaps) if not name.startswith("_")}
    assert members == public - INTERNAL - {field.name for field in dataclasses.fields(SaliencyMaps)}
