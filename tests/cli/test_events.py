"""`imap-fast events`: from a run to files that say when."""

import csv
import json

import pytest

from imap_fast.cli import main
from imap_fast.cli.events import FILES
from imap_fast.cli.record import write_record
from imap_fast.files import sha256_of
from tests.report import moving

LATE = {"label": "late", "first_frame": 9, "last_frame": 16}


@pytest.fixture
def run(tmp_path):
    """A run of a generated video."""
    folder = tmp_path / "run"
    folder.mkdir()
    moving.make_clip().save(folder / "video.mp4")
    moving.make_maps().save(folder / "maps.npz")
    write_record(folder, {"command": "generate"}, ["maps.npz", "video.mp4"])
    return folder


def told(folder) -> list[dict]:
    record = json.loads((folder / "events.json").read_text())
    return [{name: event[name] for name in ("label", "start", "end", *LATE)} for event in record["events"]]


def test_a_run_becomes_three_files_and_a_table(run, capsys):
    assert main(["events", str(run)]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    lines = [line.split() for line in said.splitlines() if line.strip()]
    assert lines[0] == ["concept", "from", "to", "frames", "confidence"]
    assert lines[2] == ["below", "steady"]
    assert lines[3][:6] == ["late", "1.13", "s", "2.13", "s", "9–16"]
    assert [line[0] for line in lines[4:]] == [str(run / name) for name in FILES]
    assert told(run) == [{**LATE, "start": 9 / 8, "end": 17 / 8}]
    assert [row["label"] for row in csv.DictReader((run / "events.csv").open(newline=""))] == ["late"]
    assert "00:00:01.125 --> 00:00:02.125\nlate\n" in (run / "events.vtt").read_text()


def test_json_names_the_files(run, tmp_path, capsys):
    assert main(["events", str(run), "--output", str(tmp_path / "new"), "--map", "gramcol", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["command"] == "events"
    assert record["files"] == {name: str(tmp_path / "new" / name) for name in FILES}
    assert set(record["maps"].values()) == {"gramcol"}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FILES)


def test_without_a_video_there_are_frames_and_no_subtitles(run, tmp_path, capsys):
    (tmp_path / "maps").mkdir()
    (run / "maps.npz").rename(tmp_path / "maps" / "a.npz")
    file = str(tmp_path / "maps" / "a.npz")
    assert main(["events", file]) == 0
    assert "events.vtt was not written" in capsys.readouterr().err
    assert told(tmp_path / "maps") == [{**LATE, "start": None, "end": None}]
    assert main(["events", file, "--video", str(run / "video.mp4"), "--overwrite"]) == 0
    assert told(tmp_path / "maps") == [{**LATE, "start": 9 / 8, "end": 17 / 8}]
    assert main(["events", file, "--overwrite"]) == 0
    assert not (tmp_path / "maps" / "events.vtt").exists(), "it would be of other times"


def test_a_video_that_was_read_is_not_needed_and_another_one_refused(tmp_path, capsys):
    moving.make_clip().save(tmp_path / "film.mp4")
    moving.make_clip(4.0).save(tmp_path / "other.mp4")
    read = {"num_frames": 17, "height": 96, "width": 160, "fps": 8.0, "start": 80.0}
    moving.make_maps(video=read | {"sha256": sha256_of(tmp_path / "film.mp4")}).save(tmp_path / "maps.npz")
    assert main(["events", str(tmp_path / "maps.npz")]) == 0
    assert told(tmp_path) == [{**LATE, "start": 80 + 9 / 8, "end": 80 + 17 / 8}]
    for name, code in (("film.mp4", 0), ("other.mp4", 2)):
        arguments = ["events", str(tmp_path / "maps.npz"), "--overwrite", "--video", str(tmp_path / name)]
        assert main(arguments) == code
    assert "is not the file that the maps were read from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["{run}", "--map", "heat"], "'heat' is unknown"),
        (["{run}", "--map", "cross_attention"], "holds no cross_attention; choose from imap, gramcol"),
        (["{run}/video.mp4", "--output", "{run}/maps.npz"], "is a file; give the path of a folder"),
        (["{run}/none"], "none: no such file or folder"),
        (["{run}", "--video", "{run}/maps.npz"], "is not the video of this run"),
    ],
    ids=["unknown map", "missing map", "output", "no run", "video"],
)
def test_wrong_use_is_one_line(run, arguments, error, capsys):
    assert main(["events", *(each.replace("{run}", str(run)) for each in arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert error in line
    assert not (run / "events.json").exists()


def test_what_is_there_is_replaced_only_if_asked_for(run, capsys):
    (run / "events.csv").write_text("mine")
    assert main(["events", str(run)]) == 2
    assert "events.csv already exists; pass --overwrite or another --output" in capsys.readouterr().err
    assert (run / "events.csv").read_text() == "mine"
    assert not (run / "events.json").exists()
    assert main(["events", str(run), "--overwrite"]) == 0
