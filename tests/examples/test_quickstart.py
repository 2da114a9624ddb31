"""The notebook runs from its first cell to its last.

It is committed without outputs. They would be megabytes that nobody reviews, and would go stale; this test runs it.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.docs.options import ROOT

NOTEBOOK = ROOT / "examples" / "quickstart.ipynb"


@pytest.fixture
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_holds_no_outputs(notebook: NotebookNode) -> None:
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.slow
def test_it_runs(notebook: NotebookNode, tmp_path: Path) -> None:
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    assert any("<video" in output.get("data", {}).get("text/html", "") for output in shown)
    said = "".join(output.text for output in shown if output.output_type == "stream" and output.name == "stdout")
    assert "white square: [" in said
    assert "3 clips" in said
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["maps.npz", "overlay.mp4", "report.html"]
