"""The versions that are tested can be installed where the pages say so."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
OLDEST = "3.11.5"


def test_every_pin_runs_on_the_oldest_python_that_the_pages_name():
    for page in ("README.md", "CONTRIBUTING.md"):
        assert f"Python {OLDEST} or newer" in (ROOT / page).read_text("utf-8")
    assert f"({OLDEST.replace('.', ', ')})" in (ROOT / "Makefile").read_text("utf-8")
    lines = re.findall(r"^(\S+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert len(lines) > 50
    refused = {}
    for name in lines:
        try:
            wanted = metadata(Requirement(name).name)["Requires-Python"]
        except PackageNotFoundError:  # of an extra that is not installed
            continue
        if wanted and OLDEST not in SpecifierSet(wanted):
            refused[name] = wanted
    assert refused == {}
