"""The files about the project agree with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imap_fast.version import __version__
from tests.docs.options import ROOT, unknown_in_command

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    (paper,) = citation["references"]
    assert paper["url"].endswith("2603.02919")


def test_the_changelog_is_of_this_version() -> None:
    assert __version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_can_be_filled_in(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert list(unknown_in_command(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("name", ["bug", "wrong_map"])
def test_a_form_about_a_fault_asks_what_the_machine_is(name: str) -> None:
    (form,) = (path for path in FORMS if path.stem == name)
    assert "`imap-fast doctor --json`" in form.read_text("utf-8")
