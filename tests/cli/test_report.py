"""`imap-fast report`: from a run's folder to its page."""

import json

import pytest

from imap_fast.cli import main
from imap_fast.cli.record import NOT_WRITTEN, verified_record, write_record
from imap_fast.files import sha256_of
from imap_fast.video import Clip
from tests.report import moving
from tests.report.test_write import block
from tests.video.media import draw_frames


@pytest.fixture
def run(tmp_path):
    """A run whose video lies elsewhere, as `imap-fast explain` leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    moving.make_clip().save(tmp_path / "film.mp4")
    moving.make_maps().save(folder / "maps.npz")
    options = {"video": sha256_of(tmp_path / "film.mp4")}
    record = {"command": "explain", "video": "../film.mp4", "seed": 3, "options": options}
    write_record(folder, record, ["maps.npz"])
    return folder


def told(path) -> dict:
    return json.loads(block(path.read_text("utf-8"), "content"))


@pytest.mark.slow
def test_a_run_becomes_a_page(run, tmp_path, capsys):
    assert main(["report", str(run)]) == 0
    said, complained = capsys.readouterr()
    assert said.startswith(f"{run / 'report.html'}  0.")
    assert complained == ""
    content = told(run / "report.html")
    assert content["video"]["frames"] == 17
    assert ["seed", "3"] in content["run"]
    assert ["video", "film.mp4"] in content["run"]
    assert str(tmp_path) not in (run / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_what_explain_leaves_is_enough(tiny_folder, tmp_path, capsys):
    Clip(draw_frames(11, 60, 90, seed=1), 12).save(tmp_path / "film.mp4")
    arguments = [
        "--model",
        tiny_folder,
        "--prompt",
        "a cat",
        "--concepts",
        "cat,</script>",
        "--output",
        tmp_path / "run",
    ]
    assert main(["explain", *map(str, [tmp_path / "film.mp4", *arguments, "--layers", "1", "--top-k", 2])]) == 0
    assert main(["report", str(tmp_path / "run")]) == 0
    content = told(tmp_path / "run" / "report.html")
    read = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]["video"]
    assert content["title"] == "a cat"
    assert content["maps"][0]["labels"] == ["cat", "</script>"]
    assert content["video"] == {"frames": 9, "fps": 12, "height": read["height"], "width": read["width"]}
    assert {"command", "model", "seed", "dtype", "imap-fast", "torch", "diffusers"} <= dict(content["run"]).keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip.mp4", "video.mp4"])
def test_a_video_that_the_run_made_is_found(run, tmp_path, name):
    (tmp_path / "film.mp4").rename(run / name)
    write_record(run, {}, ["maps.npz", name])
    assert main(["report", str(run), "--json"]) == 0
    assert told(run / "report.html")["video"]["height"] == moving.HEIGHT


@pytest.mark.slow
def test_a_moved_video_is_asked_for(run, tmp_path, capsys):
    (tmp_path / "film.mp4").rename(tmp_path / "moved.mp4")
    assert main(["report", str(run)]) == 2
    assert "film.mp4, the video of this run, no longer exists; give its path with --video" in capsys.readouterr().err
    assert not (run / "report.html").exists()
    assert main(["report", str(run), "--video", str(tmp_path / "moved.mp4")]) == 0


@pytest.mark.slow
def test_maps_alone_are_shown_without_a_video(run, tmp_path, capsys):
    arguments = ["report", str(run / "maps.npz"), "--output", str(tmp_path / "page.html"), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == {
        "command": "report",
        "files": {"report": str(tmp_path / "page.html")},
    }
    assert told(tmp_path / "page.html")["video"]["height"] == 16 * moving.HEIGHT // moving.PATCH


@pytest.mark.slow
def test_a_run_without_its_pictures_is_shown(run):
    record = verified_record(run)
    write_record(run, record | {NOT_WRITTEN: {"overlay.mp4": "RuntimeError: a fault"}}, ["maps.npz"])
    assert main(["report", str(run)]) == 0
    content = told(run / "report.html")
    assert content["video"]["frames"] == 17
    assert not any("overlay" in row[0] or "not written" in row[0] for row in content["run"])


@pytest.mark.slow
def test_a_page_is_replaced_only_when_told_to(run, capsys):
    (run / "report.html").write_text("old")
    assert main(["report", str(run)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (run / "report.html").read_text() == "old"
    assert main(["report", str(run), "--overwrite"]) == 0
    assert told(run / "report.html")["video"]["frames"] == 17


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("maps.npz", None, "holds no maps.npz"),
        ("maps.npz", b"no maps", "maps.npz is damaged or of another run"),
        ("run.json", None, "has no run.json, so it holds no complete run"),
        ("run.json", b"{", "run.json is not JSON"),
        ("run.json", b"[]", "run.json does not hold an object"),
        ("run.json", b'{"a": ' * 10**5, "run.json is nested too deeply"),
        ("run.json", b'{"a": ' * 100 + b"1" + b"}" * 100, "run.json is nested too deeply"),
        ("run.json", b"\xff", "run.json is not JSON"),
        ("run.json", b'{"a": %s}' % (b"1" * 10**5), "run.json is not JSON"),
        ("run.json", b'{"seed": 3}', "run.json was made by an older imap-fast"),
        ("run.json", b'{"digest": "0"}', "run.json is damaged"),
    ],
)
def test_a_damaged_run_is_refused(run, capsys, name, content, says):
    (run / name).unlink()
    if content is not None:
        (run / name).write_bytes(content)
    assert main(["report", str(run)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("named", ["the folder", "the file"])
def test_maps_of_another_run_are_refused(run, named, capsys):
    moving.make_maps(prompt="another").save(run / "maps.npz")
    assert main(["report", str(run if named == "the folder" else run / "maps.npz")]) == 2
    assert "maps.npz" in capsys.readouterr().err
    assert not (run / "report.html").exists()
