"""The code of every page runs, or a comment above it says why not; and what it names exists.

A block of Python or bash without a comment `<!-- not run: the reason -->` directly above it runs here, in the order of
the page: Python in one namespace, bash as `tests/docs/shell.py` says, both in the folder of `tests/docs/stage.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import read_page
from tests.docs.options import ROOT
from tests.docs.running import failures, unknown_names
from tests.docs.stage import stage

PATTERNS = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs/**/*.md", "benchmarks/*.md", "kernels/*.md", "examples/*.md", ".github/**/*.md"),
)
PAGES = sorted({page for pattern in PATTERNS for page in ROOT.glob(pattern)})


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_of_a_page_runs(path: Path, files: Path, hub: Path, tmp_path: Path) -> None:
    name, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
    page = read_page(text)
    wrong = [*page.faults, *unknown_names(page)]
    if any(block.runs for block in page.blocks):
        with stage(tmp_path, files, hub, text):
            wrong += failures(page, name)
    if wrong:
        pytest.fail("\n".join(f"{name}:{fault}" for fault in wrong), pytrace=False)
