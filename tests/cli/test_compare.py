"""`imap-fast compare`: from two runs to their page and their numbers."""

import json
import shutil

import pytest

import imap_fast
from imap_fast.cli import main
from imap_fast.cli.record import write_record
from imap_fast.files import sha256_of
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.video import VideoFile
from tests.maps.raw_files import with_repeats
from tests.render.synthetic import make_maps
from tests.report import moving
from tests.report.test_write import block

READ = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH, "fps": 8.0}


def make_run(folder, film, **settings):
    """A run as `imap-fast explain` leaves it, of a video that lies elsewhere."""
    folder.mkdir()
    maps = moving.make_maps(video=READ | {"sha256": VideoFile(film).fingerprint()}, **settings)
    maps.imap.add_(0.1 * settings.get("note", 0) * maps.imap.roll(1, -1))
    maps.save(folder / "maps.npz")
    record = {"command": "explain", "video": f"../{film.name}", "options": {"video": sha256_of(film)}}
    write_record(folder, record | {"seed": settings.get("note", 0)}, ["maps.npz"])
    return folder


@pytest.fixture
def film(tmp_path):
    moving.make_clip().save(tmp_path / "film.mp4")
    return tmp_path / "film.mp4"


@pytest.fixture
def runs(tmp_path, film):
    return make_run(tmp_path / "one", film), make_run(tmp_path / "two", film, note=3)


def compare(*arguments: object) -> int:
    return main(["compare", *map(str, arguments)])


def told(path) -> dict:
    return json.loads(block(path.read_text("utf-8"), "content"))


def test_two_runs_become_a_page_and_a_table(runs, tmp_path, capsys):
    assert compare(*runs, "--output", tmp_path / "page.html") == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "below" in said
    assert f"{tmp_path / 'page.html'}  0." in said
    content = told(tmp_path / "page.html")
    assert [each["name"] for each in content["maps"]] == ["one", "two"]
    assert content["video"] == {"frames": 17, "fps": 8.0, "height": 96, "width": 160}
    assert content["differences"] == [["seed", "0", "3"], ["note", None, "3"]]


def test_the_numbers_are_those_of_python(runs, film, tmp_path, capsys):
    arguments = [*runs, "--map", "gramcol", "--threshold", "80%", "--output", tmp_path / "page.html", "--json"]
    assert compare(*arguments) == 0
    found = json.loads(capsys.readouterr().out)
    one, two = (SaliencyMaps.load(run / "maps.npz") for run in runs)
    expected = imap_fast.compare(one, two, film, map="gramcol", threshold="80%", names=("one", "two"))
    assert found["concepts"] == expected.record()["concepts"]
    assert (found["command"], found["runs"], found["threshold"]) == ("compare", ["one", "two"], "80%")
    assert found["files"] == {"page": str(tmp_path / "page.html")}
    assert told(tmp_path / "page.html")["threshold"] == "80%"


def test_a_run_and_itself_and_a_dash_for_what_nobody_can_say(runs, tmp_path, capsys):
    assert compare(runs[0], runs[0], "--output", tmp_path / "page.html") == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if "below" in line)
    assert row == ["below", "imap", "1.00", "1.00", "–"]
    assert [each["name"] for each in told(tmp_path / "page.html")["maps"]] == ["one", "one (2)"]


def test_agreement_is_in_the_table_if_it_is_known(runs, tmp_path, capsys):
    maps = with_repeats(SaliencyMaps.load(runs[0] / "maps.npz"))
    maps.save(tmp_path / "sure.npz")
    assert compare(tmp_path / "sure.npz", runs[1], "--output", tmp_path / "page.html") == 0
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if "late" in line)
    assert row[-2:] == [f"{maps.agreement[1]:.2f},", "–"]


def test_files_of_maps_have_a_video_if_it_is_named(runs, film, tmp_path, capsys):
    files = [shutil.copy(run / "maps.npz", tmp_path / f"{run.name}.npz") for run in runs]
    assert compare(*files, "--output", tmp_path / "without.html") == 0
    assert compare(*files, "--video", film, "--output", tmp_path / "with.html") == 0
    sizes = [(tmp_path / name).stat().st_size for name in ("without.html", "with.html")]
    assert sizes[0] != sizes[1]
    missing = [*files, "--video", tmp_path / "no.mp4", "--output", tmp_path / "x.html"]
    assert compare(*missing) == 2
    assert "no.mp4: no such file; give the video that the maps were read from" in capsys.readouterr().err


def test_a_generated_video_is_compared_with_a_run_that_read_it(runs, film, tmp_path):
    folder = tmp_path / "generated"
    folder.mkdir()
    shutil.copy(film, folder / "video.mp4")
    moving.make_maps().save(folder / "maps.npz")
    write_record(folder, {"command": "generate"}, ["maps.npz", "video.mp4"])
    assert compare(folder, runs[0], "--output", tmp_path / "page.html") == 0
    other = tmp_path / "other"
    other.mkdir()
    moving.make_clip(fps=16).save(other / "video.mp4")
    moving.make_maps().save(other / "maps.npz")
    write_record(other, {"command": "generate"}, ["maps.npz", "video.mp4"])
    assert compare(folder, other, "--output", tmp_path / "other.html") == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--map", "cross_attention"], "one of the two runs holds no cross_attention, but imap, gramcol; choose a map"),
        (["--map", "nonsense"], "'nonsense' is unknown; choose from imap, "),
        (["--threshold", "2"], "threshold='2' is none of"),
        (["--output", "page.pdf"], "--output page.pdf does not end in .html; name it so"),
    ],
)
def test_wrong_use_is_one_line(runs, tmp_path, monkeypatch, options, says, capsys):
    monkeypatch.chdir(tmp_path)
    assert compare(*runs, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line
    assert not list(tmp_path.glob("*.html"))


def test_runs_that_cannot_be_compared_are_one_line(runs, film, tmp_path, capsys):
    moving.make_clip(fps=16).save(tmp_path / "another.mp4")
    another = make_run(tmp_path / "another", tmp_path / "another.mp4")
    make_maps(("dog",), grid=(17, 12, 20), temporal_compression=1).save(tmp_path / "dog.npz")
    for pair, says in (
        ((runs[0], another), f"different videos, {film} and "),
        (
            (runs[0], tmp_path / "dog.npz"),
            "no concept is in both runs, which have 'below', 'late', 'background' and 'dog'",
        ),
        ((runs[0], tmp_path), "holds no maps.npz; give the folder of a run, or a file of maps"),
    ):
        assert compare(*pair, "--output", tmp_path / "page.html") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert says in line.replace(f"{runs[0]}/../", f"{tmp_path}/")
    assert not (tmp_path / "page.html").exists()


def test_a_page_is_replaced_only_when_told_to(runs, tmp_path, capsys):
    page = tmp_path / "page.html"
    page.write_text("old")
    assert compare(*runs, "--output", page) == 2
    assert "already exists; pass --overwrite or another --output" in capsys.readouterr().err
    assert page.read_text() == "old"
    assert compare(*runs, "--output", page, "--overwrite") == 0
    assert told(page)["compares"] is True
