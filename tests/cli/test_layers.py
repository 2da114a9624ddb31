"""`imap-fast layers`: what it says, what it draws, and what it refuses."""

import json

import pytest
from PIL import Image

from imap_fast.cli import main
from imap_fast.video import Clip
from tests.tiny import HEIGHT, WIDTH
from tests.video.media import draw_frames


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    Clip(draw_frames(9, HEIGHT, WIDTH, seed=1)).save(path)
    return path


@pytest.mark.slow
def test_the_demo_is_measured_on_clips_of_its_own(tmp_path, capsys):
    drawn = tmp_path / "layers.png"
    asked = ["layers", "--model", "demo", "--clips", "1"]
    assert main([*asked, "--output", str(drawn)]) == 0
    told = capsys.readouterr().out
    assert main([*asked, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    count = len(record["heads"]["lambda_2"])
    assert len(record["layers"]) == (count + 1) // 2
    assert len(record["auc"]["imap"]) == len(record["auc"]["gramcol"]) == len(record["heads"]["head_auc"]) == count
    assert f"layers={record['layers']}\n" in told
    assert f"r = {record['correlation']:.2f}" in told
    read = [line for line in told.splitlines() if "✓" in line]
    assert [int(line.split("│")[1]) for line in read] == record["layers"]
    assert [
        f"{record['auc']['gramcol'][layer]:.2f}" in line for layer, line in zip(record["layers"], read, strict=True)
    ]
    with Image.open(drawn) as picture:
        assert picture.width > picture.height > 500


@pytest.mark.slow
def test_a_video_is_measured_without_masks(tiny_folder, video, tmp_path, capsys):
    asked = ["layers", "--model", str(tiny_folder), str(video), str(video), "--prompt", "a cat", "--step", "10"]
    assert main([*asked, "--output", str(tmp_path / "a.png"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["videos"], record["step"], record["auc"], record["correlation"]) == (2, 10, {}, None)
    assert record["files"] == {"a.png": str(tmp_path / "a.png")}
    assert list(record["heads"]) == ["lambda_2"]
    assert record["model"] == tiny_folder.name
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{tiny_folder.name} at step 10")
    assert "AUC" not in told
    assert f"layers={record['layers']}\n" in told


@pytest.mark.slow
def test_a_figure_that_cannot_be_drawn_does_not_cost_the_layers(tiny_folder, video, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("a fault")

    monkeypatch.setattr("imap_fast.layers.choose.LayerChoice.figure", fail)
    asked = [
        "layers",
        "--model",
        str(tiny_folder),
        str(video),
        "--prompt",
        "a cat",
        "--output",
        str(tmp_path / "a.png"),
    ]
    assert main([*asked, "--json"]) == 1
    said, complained = capsys.readouterr()
    record = json.loads(said)
    assert record["not_written"] == {"a.png": "RuntimeError: a fault"}
    assert record["files"] == {}
    reason = "RuntimeError: a fault); the layers are above; the same command measures and draws again"
    assert complained == f"imap-fast: {tmp_path / 'a.png'} was not written ({reason}\n"
    assert main(asked) == 1
    said = capsys.readouterr().out
    assert f"layers={record['layers']}\n" in said
    assert "a.png" not in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "demo", "a.mp4"], "--prompt"),
        (["--model", "demo", "a.mp4", "--prompt", "a cat", "--clips", "2"], "--clips"),
        (["--model", "other"], "VIDEOS"),
        (["--model", "demo", "--prompt", "a cat"], "VIDEOS"),
        (["--model", "demo", "--output", "a.svg"], "a.svg does not end in .png"),
        (["--model", "demo", "--clips", "1", "--step", "50"], "step 50 is outside the schedule of 50 steps"),
    ],
)
def test_wrong_use_is_one_line(arguments, told, capsys):
    assert main(["layers", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_picture_is_not_replaced_unasked(tmp_path, capsys):
    (tmp_path / "mine.png").write_text("mine")
    assert main(["layers", "--model", "demo", "--output", str(tmp_path / "mine.png")]) == 2
    assert "pass --overwrite" in capsys.readouterr().err
    assert (tmp_path / "mine.png").read_text() == "mine"
