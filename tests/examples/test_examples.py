"""Each example runs as it is, with the checkpoint that it names, for which a small model stands in."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from imap_fast import SaliencyMaps
from imap_fast.events.detect import curves_over_time
from imap_fast.render.heatmap import COLOURS, heat
from imap_fast.video import read_clip
from tests.docs.options import ROOT
from tests.evaluate.folders import CAPTIONS, davis, write_json
from tests.examples.conftest import Run

EXAMPLES, NOTEBOOKS = (sorted((ROOT / "examples").glob(f"*.{kind}")) for kind in ("py", "ipynb"))
LINES = 61


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_it_is_called(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < LINES
    assert f"\npython examples/{path.name}" in text


def test_every_example_is_named_in_their_list() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    assert all(f"]({path.name})" in page for path in [*EXAMPLES, *NOTEBOOKS])


@pytest.mark.slow
def test_a_long_video_is_explained_into_a_folder_and_resumed(run: Run, tmp_path: Path, monkeypatch) -> None:
    said = run("long_video.py")
    assert [line.partition(":")[0] for line in said.splitlines()] == ["cat", "table", "jumping"]
    assert len(read_clip(tmp_path / "film-overlay.mp4").frames) == len(read_clip(tmp_path / "film.mp4").frames)
    maps = SaliencyMaps.load(tmp_path / "film-maps")
    assert maps.settings["video"]["windows"] > 2
    before = (tmp_path / "film-overlay.mp4").read_bytes()
    monkeypatch.setattr("imap_fast.explaining.windows.Windows.split", lambda *_: pytest.fail("it began again"))
    assert run("long_video.py") == said
    assert (tmp_path / "film-overlay.mp4").read_bytes() == before


@pytest.mark.slow
def test_layers_are_compared_in_one_picture(run: Run, tmp_path: Path) -> None:
    run("compare_layers.py", "--concepts", "cat", "table")
    picture = plt.imread(tmp_path / "layers.png")[..., :3]
    quarters = [part for half in np.array_split(picture, 2) for part in np.array_split(half, 2, axis=1)]
    assert len({part.tobytes() for part in quarters}) == len(quarters)
    assert all(np.ptp(part) > 0.5 for part in quarters)


@pytest.mark.slow
def test_how_a_word_forms_is_a_figure_a_film_and_a_page(run: Run, tmp_path: Path) -> None:
    said = run("word_forms.py", "--steps", "3")
    assert said.endswith("word: white square in 4 layers, 3 steps; film of layer 1\n")
    maps = SaliencyMaps.load(tmp_path / "word" / "maps.npz")
    assert maps.keep == ("layers", "steps")
    assert np.ptp(plt.imread(tmp_path / "word" / "inside.png")[..., :3]) > 0.5
    film = read_clip(tmp_path / "word" / "steps.mp4").frames
    assert film.shape == (3, 384, 384, 3)
    frame = curves_over_time([maps.gramcol[0]])[0].argmax()
    steps = heat(maps.by_layer_and_step["gramcol"][1, :, 0, frame][None])[0].numpy()
    patches = film.reshape(3, 12, 32, 12, 32, 3).mean((2, 4))
    expected = COLOURS(steps)[..., :3] * 255
    assert np.corrcoef(patches.ravel(), expected.ravel())[0, 1] > 0.95, "the steps of that layer, in order"
    page = (tmp_path / "word" / "report.html").read_text("utf-8")
    assert '"steps": [0, 1, 2]' in page


@pytest.mark.slow
def test_a_folder_of_davis_is_measured_and_resumed(run: Run, tmp_path: Path, monkeypatch) -> None:
    davis(tmp_path / "DAVIS")
    write_json(tmp_path / "captions.json", CAPTIONS)
    said = run("evaluate_davis.py")
    assert "2 clips measured" in said
    assert "failed" not in said
    assert [line for line in said.splitlines() if line.startswith("spacetime_auc") and " imap " in line]
    monkeypatch.setattr("imap_fast.evaluate.reader.Reader.maps", lambda *_: pytest.fail("it began again"))
    assert run("evaluate_davis.py") == said


@pytest.mark.slow
def test_a_video_is_generated_in_little_memory(run: Run, tmp_path: Path) -> None:
    said = run("low_memory.py", "--steps", "2")
    assert "peak of GPU memory" in said
    maps = SaliencyMaps.load(tmp_path / "alpaca-maps.npz")
    assert maps.labels == ("alpaca", "lightning", "running")
    assert maps.motions == ("running",)
    assert maps.steps == (0, 1)
    assert len(read_clip(tmp_path / "alpaca-overlay.mp4").frames) == maps.time.longest_video(maps.grid[0])
