"""`imap-fast layers --by`: what layers are chosen by, and what the command refuses."""

import json

import numpy as np
import pytest

from imap_fast.cli import main
from imap_fast.video import Clip
from tests.tiny import FRAMES, HEIGHT, WIDTH
from tests.video.media import draw_frames

DEMO = ["layers", "--model", "demo"]


@pytest.fixture
def points(tmp_path):
    """Two points that rest, and the video that their file names."""
    Clip(draw_frames(FRAMES, HEIGHT, WIDTH, seed=1)).save(tmp_path / "clip.mp4")
    places = np.array([[0.2, 0.2], [0.8, 0.6]], np.float32)[:, None].repeat(FRAMES, axis=1)
    occluded, name = np.zeros((2, FRAMES), np.uint8), np.frombuffer(b"clip.mp4", np.uint8)
    np.savez(tmp_path / "clip.npz", points=places, occluded=occluded, video=name)
    return tmp_path / "clip.npz"


@pytest.mark.slow
def test_the_demo_is_measured_on_its_exact_tracks(capsys):
    assert main([*DEMO, "--by", "tracking", "--clips", "1"]) == 0
    told = capsys.readouterr().out
    assert main([*DEMO, "--by", "tracking", "--clips", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["by"], record["map"], record["videos"]) == ("tracking", "region_cosine", 1)
    jaccard, heads = np.array(record["jaccard"]), np.array(record["heads"]["jaccard"])
    assert record["layers"] == sorted(np.argsort(-jaccard, kind="stable")[: (len(jaccard) + 1) // 2].tolist())
    assert len(heads) == len(record["within"]) == len(jaccard)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in told.splitlines() if line.startswith("│")]
    assert rows == [
        [
            str(layer),
            f"{jaccard[layer]:.3f}",
            f"{record['within'][layer]:.3f}",
            f"{layer}:{heads[layer].argmax()}",
            f"{heads[layer].max():.3f}",
            "✓" if layer in record["layers"] else "",
        ]
        for layer in range(len(jaccard))
    ]
    assert f"layers={record['layers']}\n" in told


@pytest.mark.slow
def test_the_demo_is_measured_without_its_masks(capsys):
    assert main([*DEMO, "--by", "eigenvalue", "--clips", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["auc"], list(record["heads"])) == ({}, ["lambda_2"])


@pytest.mark.slow
def test_points_of_a_file_are_followed(tiny_folder, points, capsys):
    asked = ["layers", "--model", str(tiny_folder), "--by", "tracking", "--prompt", "a cat", "--map", "region_qk"]
    assert main([*asked, "--points", str(points), "--points", str(points), "--step", "10", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["videos"], record["step"], record["map"]) == (2, 10, "region_qk")
    assert np.array(record["heads"]["jaccard"]).shape == (3, 4)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--by", "other"], "'other' is unknown; choose one of eigenvalue, auc, tracking"),
        (["--by", "tracking", "--map", "imap"], "'imap' is unknown; choose one of region_cosine"),
        (["--points", "a.npz", "--prompt", "a cat"], "--points: is for --by tracking; add it, or omit this"),
        (["--map", "region_qk"], "--map: is for --by tracking; add it, or omit this"),
        (["--by", "tracking", "a.mp4", "--prompt", "a cat"], "a file of points names its video; give --points instead"),
        (["--by", "tracking", "--points", "a.npz"], "--prompt: say what the videos show"),
        (["--by", "tracking", "--points", "a.npz", "--prompt", "a", "--clips", "2"], "--clips: is the number of demo"),
        (["--by", "tracking", "--prompt", "a cat"], "--points: name some, and their --prompt"),
        (["--by", "tracking", "--output", "a.png"], "--output: draws λ₂ and AUC; omit it with --by tracking"),
        (["--by", "auc", "a.mp4", "--prompt", "a cat"], "--by: only the clips of --model demo have masks; omit --by"),
        (
            ["--by", "tracking", "--points", "a.npz", "--prompt", "a cat"],
            "a.npz: no such file; give points, written as docs/tap-vid.md does",
        ),
    ],
)
def test_wrong_use_is_one_line(arguments, told, capsys):
    assert main([*DEMO, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
