"""Each notebook runs from its first cell to its last.

They are committed without outputs. These would be megabytes, and would go stale. The tests run them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from imap_fast.video import read_clip
from tests.docs.options import ROOT
from tests.examples.tiny_vace import save_tiny_vace
from tests.masks.tiny_sam2 import save_tiny_sam2

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


def run(name: str, folder: Path, changes: Mapping[str, str] | None = None) -> list[NotebookNode]:
    """The outputs of a notebook that runs in a folder. `changes` replace lines of its code that a user would edit."""
    notebook = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
    for line, edited in (changes or {}).items():
        edits = [cell for cell in notebook.cells if line in cell.source]
        assert len(edits) == 1
        edits[0].source = edits[0].source.replace(line, edited)
    where = {"metadata": {"path": str(folder)}}
    # A kernel that is asked to end in its own time takes seconds.
    NotebookClient(notebook, timeout=None, resources=where, shutdown_kernel="immediate").execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def pictures(outputs: list[NotebookNode]) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs)


def printed(outputs: list[NotebookNode]) -> str:
    return "".join(each.text for each in outputs if each.output_type == "stream" and each.name == "stdout")


@pytest.mark.slow
def test_the_quickstart(tmp_path: Path) -> None:
    shown = run("quickstart", tmp_path)
    assert pictures(shown) == 2
    assert any("<video" in output.get("data", {}).get("text/html", "") for output in shown)
    assert "white square: [" in printed(shown)
    assert "flashes: [" in printed(shown)
    assert "3 clips" in printed(shown)
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["maps.npz", "overlay.mp4", "report.html"]


@pytest.mark.slow
def test_masks_of_a_clip(tmp_path: Path) -> None:
    shown = run("davis_masks", tmp_path)
    assert pictures(shown) == 3
    assert "J: white square 0." in printed(shown)
    assert '"1": "white square"' in printed(shown)
    assert len(list((tmp_path / "davis" / "Annotations" / "Full-Resolution" / "clip").glob("*.png"))) == 25
    videos = tmp_path / "motions" / "videos" / "clip"
    assert sorted(path.name for path in videos.iterdir()) == ["flashes.mkv", "slides_left.mkv"]


@pytest.mark.slow
def test_an_edit(tmp_path: Path) -> None:
    vace = save_tiny_vace(tmp_path / "vace")
    changes = {"VACE = None": f"VACE = {vace!r}", "SIDE, GROW = 480, 16": "SIDE, GROW = 64, 2"}
    assert pictures(run("vace_edit", tmp_path, changes)) == 1
    assert read_clip(tmp_path / "edited.mp4").frames.shape == (25, 64, 64, 3)


@pytest.mark.slow
def test_refinements(tmp_path: Path) -> None:
    sam2 = save_tiny_sam2(tmp_path / "sam2")
    assert pictures(run("sam2_masks", tmp_path, {"SAM2 = None": f"SAM2 = {sam2!r}"})) == 3


@pytest.mark.slow
def test_how_a_word_forms(tmp_path: Path) -> None:
    assert pictures(run("word_forms", tmp_path)) == 2
    assert read_clip(tmp_path / "steps.mp4").frames.shape == (30, 384, 384, 3)
    assert '"steps": [0, 1, 2' in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_point(tmp_path: Path) -> None:
    shown = run("follow_a_point", tmp_path)
    assert pictures(shown) == 2
    assert "median error " in printed(shown)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "overlay.mp4", "tracks.csv"]


@pytest.mark.slow
def test_a_shadow(tmp_path: Path) -> None:
    shown = run("find_a_shadow", tmp_path)
    assert pictures(shown) == 2
    lines = printed(shown).splitlines()
    places = ["ball", "shadow", "above", "where it was"]
    assert [line.rpartition(":")[0] for line in lines] == [
        f"{name}, {place}" for name in ("region_cosine", "region_qk_cosine") for place in places
    ]
    found = [float(line.rpartition(" ")[2]) for line in lines[:4]]
    assert found[0] > 0.9 > 0.8 > found[1], "the ball is found, and the shadow is not"


@pytest.mark.slow
def test_a_comparison(tmp_path: Path) -> None:
    shown = run("compare_checkpoints", tmp_path)
    assert pictures(shown) == 2
    assert [line[:12].strip() for line in printed(shown).splitlines()[1:]] == [
        "white square",
        "pink circle",
        "flashes",
        "slides left",
    ]
