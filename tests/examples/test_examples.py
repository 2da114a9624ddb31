"""Each example runs as it is, with the checkpoint that it names, for which a small model stands in."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from imap_fast import SaliencyMaps
from imap_fast.demo import world
from imap_fast.events.detect import curves_over_time
from imap_fast.render.heatmap import COLOURS, heat
from imap_fast.render.palette import BRIGHT
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
def test_a_point_is_followed(run: Run, tmp_path: Path) -> None:
    *places, errors = run("follow_a_point.py").splitlines()
    with (tmp_path / "followed" / "tracks.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = np.array([[float(row["x"]), float(row["y"])] for row in rows])
    truth = world.sample(7, "held_out").objects[0].centre
    distances = np.hypot(*(found - truth).T)
    assert f"median error {np.median(distances):.1f} pixels, largest {distances.max():.1f}" in errors
    assert np.median(distances) < 8, "further than a patch"
    assert places[3].startswith(f"1.50 s: x {found[12, 0]:.0f}, y {found[12, 1]:.0f}, confidence ")
    video, overlay = (read_clip(tmp_path / "followed" / name).frames for name in ("clip.mp4", "overlay.mp4"))
    assert len(video) == len(overlay) == len(rows) == 25
    mark = np.abs(overlay[24].astype(int) - np.rint(255 * np.array(to_rgb(BRIGHT[1])))).max(-1) < 24
    assert mark.sum() > 20, "its trail"


@pytest.mark.slow
def test_a_point_of_a_video_of_ones_own_is_followed(run: Run, tmp_path: Path) -> None:
    own = ("cat.mp4", "--model", "THUDM/CogVideoX-2b", "--prompt", "A cat jumps", "--point", "1.5", "48", "40")
    said = run("follow_a_point.py", *own).splitlines()
    assert all(" s: x " in line for line in said), "no truth is known"
    assert (tmp_path / "followed" / "overlay.mp4").exists()
    assert not (tmp_path / "followed" / "clip.mp4").exists()
    with pytest.raises(SystemExit):
        run("follow_a_point.py", "cat.mp4", "--output", "other")


@pytest.mark.slow
def test_a_shadow_is_looked_for(run: Run, tmp_path: Path) -> None:
    said = run("find_a_shadow.py").splitlines()
    names, shares = zip(*(line.split(": ") for line in said), strict=True)
    assert names == ("region_cosine", "region_qk_cosine")
    for of_map in shares:
        share = {place: float(number) for place, _, number in (part.rpartition(" ") for part in of_map.split(", "))}
        assert min(share["ball"], share["where it was"]) > 0.9
        assert max(share["shadow"], share["above"]) < 0.8
    frames = read_clip(tmp_path / "shadow" / "clip.mp4").frames.astype(int)
    assert frames.shape == (25, 96, 96, 3)
    red, below, above = (frames[12, row, 48] for row in (48, 76, 19))
    assert red[0] > red[1] + 100
    assert (below < above - 40).all(), "a shadow below, and none above"
    for name in names:
        assert np.ptp(plt.imread(tmp_path / "shadow" / f"{name}.png")[..., :3]) > 0.5
        assert len(read_clip(tmp_path / "shadow" / f"{name}.mp4").frames) == 25


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
