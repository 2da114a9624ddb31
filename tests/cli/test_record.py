"""The record of a run, by which damage and files of another run are found."""

import json
import os
import random
import shutil
import sys

import pytest

from imap_fast.cli import main
from imap_fast.cli.record import RECORD, record_of, verified_record, write_record
from imap_fast.cli.results import path_from
from imap_fast.files import sha256_of
from tests.report import moving

FILES = ["maps.npz", "overlay.mp4", "grid.png"]


def make_run(folder, seed):
    """A run with its video beside it."""
    folder.mkdir()
    film = folder.parent / "film.mp4"
    moving.make_clip().save(film)
    moving.make_maps(seed=seed).save(folder / "maps.npz")
    for name in FILES[1:]:
        (folder / name).write_bytes(f"{name} of {seed}".encode() * 100)
    record = {"command": "explain", "video": "../film.mp4", "seed": seed, "options": {"video": sha256_of(film)}}
    write_record(folder, record, FILES)
    return folder


def test_a_record_says_what_is_in_the_folder_however_it_is_spaced(tmp_path):
    run = make_run(tmp_path / "run", 1)
    record = verified_record(run)
    assert record["sha256"] == {name: sha256_of(run / name) for name in FILES}
    (run / RECORD).write_text(json.dumps(dict(reversed(record.items()))))
    assert verified_record(run) == record


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda file, other: file.unlink(), "is missing"),
        (lambda file, other: file.write_bytes(file.read_bytes()[:-1]), "is damaged or of another run"),
        (lambda file, other: shutil.copy(other, file), "is damaged or of another run"),
        (lambda file, other: (file.unlink(), file.mkdir()), "is not regular"),
        (lambda file, other: (file.unlink(), os.mkfifo(file)), "is not regular"),
    ],
)
def test_a_file_that_is_not_the_one_of_the_run_is_named(tmp_path, name, harm, says):
    run, other = make_run(tmp_path / "run", 1), make_run(tmp_path / "other", 2)
    harm(run / name, other / name)
    with pytest.raises(ValueError, match=rf"{name}.* {says}.*; restore it, or run its command again with --overwrite"):
        verified_record(run)


@pytest.mark.parametrize("changed", [{"seed": 2}, {"sha256": {}}, {"sha256": 5}, {"digest": None}, {"video": 5}])
def test_a_record_that_was_changed_is_refused(tmp_path, changed):
    run = make_run(tmp_path / "run", 1)
    (run / RECORD).write_text(json.dumps(record_of(run) | changed))
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        record_of(run)


@pytest.mark.parametrize(
    "changed", [{"video": 5}, {"options": 5}, {"not_written": 5}, {"not_written": {"grid.png": 5}}]
)
def test_a_record_with_a_value_of_another_type_is_refused_also_with_its_digest(tmp_path, changed):
    run = make_run(tmp_path / "run", 1)
    write_record(run, record_of(run) | changed, FILES)
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        record_of(run)


def test_a_video_is_found_from_the_results_also_through_links_and_after_a_move(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_text("film")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    relative = path_from(tmp_path / "link", tmp_path / "films" / "a.mp4")
    assert relative == "../../films/a.mp4"
    assert (tmp_path / "link" / relative).read_text() == "film"
    shutil.copytree(tmp_path, tmp_path.with_name("moved"), symlinks=True)
    assert (tmp_path.with_name("moved") / "real" / "deep" / relative).read_text() == "film"


def damaged(rng, run, other):
    """Flip a bit, cut, delete, or exchange one of the files of a run, or of its video."""
    file = rng.choice([*(run / name for name in (*FILES, RECORD)), run.parent / "film.mp4"])
    content = bytearray(file.read_bytes())
    kind = rng.choice(["flip", "cut", "delete", "exchange", "append"])
    if kind == "flip":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del content[rng.randrange(len(content)) :]
    elif kind == "append":
        content += bytes(rng.randrange(1, 9))
    elif kind == "exchange":
        content = bytearray((other / rng.choice([*FILES, RECORD])).read_bytes())
    file.unlink() if kind == "delete" else file.write_bytes(content)
    return f"{file.name} {kind}"


@pytest.mark.slow
def test_200_damaged_runs_are_refused_in_one_line_or_give_the_same_page(tmp_path, capsys):
    (tmp_path / "good").mkdir()
    make_run(tmp_path / "good" / "run", 1)
    other = make_run(tmp_path / "other", 2)
    assert main(["report", str(tmp_path / "good" / "run"), "--output", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_bytes()
    capsys.readouterr()
    rng, refused = random.Random(0), 0
    for _ in range(200):
        shutil.copytree(tmp_path / "good", tmp_path / "bad")
        what = damaged(rng, tmp_path / "bad" / "run", other)
        code = main(["report", str(tmp_path / "bad" / "run"), "--output", str(tmp_path / "bad.html")])
        complained = capsys.readouterr().err
        if code == 0:
            assert (tmp_path / "bad.html").read_bytes() == page, what
            (tmp_path / "bad.html").unlink()
        else:
            refused += 1
            assert (code, complained.count("\n"), complained[:11]) == (2, 1, "imap-fast: "), what
            assert not (tmp_path / "bad.html").exists()
        shutil.rmtree(tmp_path / "bad")
    assert refused > 150


def test_an_exchanged_video_is_refused_whoever_names_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.modules["imap_fast.cli.report"], "progress", lambda *_: pytest.fail("wrote a page"))
    run = make_run(tmp_path / "run", 1)
    film = tmp_path / "film.mp4"
    film.rename(tmp_path / "moved.mp4")
    (tmp_path / "other.mp4").write_bytes((tmp_path / "moved.mp4").read_bytes() + b"\0")
    assert main(["report", str(run), "--video", str(tmp_path / "other.mp4")]) == 2
    assert "other.mp4 is not the video of this run" in capsys.readouterr().err
    (tmp_path / "other.mp4").rename(film)
    assert main(["report", str(run)]) == 2
    assert "film.mp4 is not the video of this run" in capsys.readouterr().err
