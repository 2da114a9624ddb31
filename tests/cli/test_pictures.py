"""Pictures that cannot be drawn: the maps are handed out, and the same command draws what is missing."""

import json
import os
import resource
import shutil
import signal
from contextlib import contextmanager

import pytest

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.pictures import TAKEN, draw_missing, pictures, write_results
from imap_fast.cli.record import NOT_WRITTEN, RECORD, verified_record
from imap_fast.cli.results import FILES, NEW, finished_record, new_files
from imap_fast.files import write_each
from imap_fast.video import Clip
from tests.cli import test_commands
from tests.cli.test_commands import RESULTS, ends_while_drawing, names
from tests.report import moving
from tests.video.media import draw_frames

video, explain = test_commands.video, test_commands.explain

OPTIONS = {"seed": 0}

ANY_REASON = [
    OSError(28, "No space left on device"),
    ValueError("Invalid argument"),
    MemoryError(),
    RuntimeError("a fault"),
    KeyError("a key"),
]


def fails(error):
    def fail(*_, **__):
        raise error

    return fail


@contextmanager
def files_up_to(size):
    """No file can grow above `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_time(record):
    return {name: value for name, value in record.items() if name not in ("seconds", "digest")}


@pytest.mark.parametrize("error", ANY_REASON, ids=repr)
def test_whatever_the_reason_the_other_files_are_written(tmp_path, error):
    def half(path):
        path.write_text("half")
        raise error

    failed = write_each(tmp_path, {"a.png": half, "b.png": lambda path: path.write_text("whole")})
    assert contents(tmp_path) == {"b.png": b"whole"}
    assert list(failed) == ["a.png"]
    assert failed["a.png"].startswith(type(error).__name__)


def test_the_reason_is_a_line_that_names_no_folder(tmp_path):
    def fail(path):
        raise OSError(28, "No space\nleft", str(path))

    assert write_each(tmp_path, {"a.png": fail}) == {"a.png": "OSError: [Errno 28] No space left: 'a.png'"}


def test_an_interruption_is_no_failed_picture(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_each(tmp_path, {"a.png": fails(KeyboardInterrupt())})
    assert list(tmp_path.iterdir()) == []


def run_of(folder, writers_of=pictures):
    """A finished run of a moving square, whose video is beside it. `writers_of` takes the maps and the video."""
    maps, film = moving.make_maps(), moving.make_clip()
    folder.mkdir()
    with new_files(folder) as new:
        write_results(new, maps, writers_of(maps, lambda: film), {"options": OPTIONS})
    return folder


def without_overlay(maps, video):
    return pictures(maps, video) | {"overlay.mp4": fails(RuntimeError("a fault"))}


def same_command(folder):
    """What `imap-fast explain` does with a folder before it loads a model."""
    record = finished_record(folder, list(FILES), OPTIONS)
    return draw_missing(folder, record, moving.make_clip) if record[NOT_WRITTEN] else record


def test_what_was_missing_is_drawn_from_the_maps_and_then_the_run_is_as_any_other(tmp_path):
    whole, run = run_of(tmp_path / "whole"), run_of(tmp_path / "run", without_overlay)
    assert names(run) == ["grid.png", "maps.npz", RECORD]
    record = verified_record(run)
    assert record[NOT_WRITTEN] == {"overlay.mp4": "RuntimeError: a fault"}
    assert sorted(record["sha256"]) == ["grid.png", "maps.npz"]
    assert same_command(run)[NOT_WRITTEN] == {}
    assert contents(run) == contents(whole)
    assert same_command(run) == verified_record(run)


def test_only_what_is_missing_is_drawn(tmp_path, monkeypatch):
    run = run_of(tmp_path / "run", without_overlay)
    before = (run / "grid.png").stat().st_mtime_ns
    monkeypatch.setattr(SaliencyMaps, "grid_figure", lambda *_: pytest.fail("drawn again"))
    assert same_command(run)[NOT_WRITTEN] == {}
    assert (run / "grid.png").stat().st_mtime_ns == before


def test_a_picture_that_fails_again_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    run = run_of(tmp_path / "run", without_overlay)
    before = contents(run)
    monkeypatch.setattr(SaliencyMaps, "save_overlay", fails(RuntimeError("a fault")))
    same_command(run)
    assert contents(run) == before


def test_an_older_picture_does_not_stay_beside_maps_that_it_is_not_of(tmp_path):
    run = run_of(tmp_path / "run")
    with new_files(run) as new:
        write_results(
            new,
            moving.make_maps(seed=7),
            {"overlay.mp4": fails(ValueError("no")), "grid.png": fails(ValueError("no"))},
            {},
        )
    assert names(run) == ["maps.npz", RECORD]
    assert list(verified_record(run)[NOT_WRITTEN]) == ["overlay.mp4", "grid.png"]


@pytest.mark.parametrize("after", range(5))
def test_a_process_that_dies_while_it_hands_out_drawn_pictures_loses_nothing(tmp_path, monkeypatch, after):
    def texts(*_):  # nothing is computed: a fork of a process with threads may not
        return {name: lambda path: path.write_text("drawn") for name in ("overlay.mp4", "grid.png")}

    def fewer_texts(*_):
        return texts() | {"overlay.mp4": fails(RuntimeError("a fault"))}

    monkeypatch.setattr("imap_fast.cli.pictures.pictures", texts)
    whole, run = run_of(tmp_path / "whole", texts), run_of(tmp_path / "run", fewer_texts)
    child = os.fork()
    if child == 0:
        replace, calls = os.replace, iter(range(1000))
        os.replace = lambda *paths: os._exit(0) if next(calls) >= after else replace(*paths)
        same_command(run)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    same_command(run)
    assert contents(run) == contents(whole)
    assert not (run / NEW).exists()


def test_a_file_of_somebody_else_is_not_replaced_by_a_picture(tmp_path):
    run = run_of(tmp_path / "run", without_overlay)
    (run / "overlay.mp4").write_text("mine")
    for _ in range(2):
        assert same_command(run)[NOT_WRITTEN] == {"overlay.mp4": TAKEN}
        assert verified_record(run)[NOT_WRITTEN] == {"overlay.mp4": TAKEN}
        assert (run / "overlay.mp4").read_text() == "mine"
    (run / "overlay.mp4").unlink()
    assert same_command(run)[NOT_WRITTEN] == {}
    assert contents(run) == contents(run_of(tmp_path / "whole"))


def test_beside_a_file_of_somebody_else_no_other_picture_is_drawn(tmp_path):
    """The commit of another picture would remove the file: it takes it for one of an older run."""
    run = run_of(tmp_path / "run", lambda maps, video: dict.fromkeys(pictures(maps, video), fails(RuntimeError("no"))))
    (run / "overlay.mp4").write_text("mine")
    assert same_command(run)[NOT_WRITTEN] == {"overlay.mp4": TAKEN, "grid.png": "RuntimeError: no"}
    assert names(run) == ["maps.npz", "overlay.mp4", RECORD]
    assert (run / "overlay.mp4").read_text() == "mine"


def test_maps_that_are_damaged_are_not_drawn(tmp_path):
    run = run_of(tmp_path / "run", without_overlay)
    (run / "maps.npz").write_bytes((run / "maps.npz").read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"maps\.npz is damaged or of another run"):
        same_command(run)


def test_a_run_that_another_process_replaced_meanwhile_is_left_alone(tmp_path):
    run = run_of(tmp_path / "run", without_overlay)
    record = verified_record(run)
    with new_files(run) as new:
        write_results(new, moving.make_maps(seed=7), without_overlay(moving.make_maps(seed=7), moving.make_clip), {})
    with pytest.raises(ValueError, match="was changed by another process; run again"):
        draw_missing(run, record, moving.make_clip)


@pytest.mark.slow
def test_maps_are_handed_out_where_no_picture_can_be_written(explain, tmp_path, monkeypatch, capsys):
    """A file system that takes no large file stands for a full one."""
    output = tmp_path / "out"
    assert explain(output=tmp_path / "whole") == 0
    capsys.readouterr()
    with files_up_to(15_000):  # bytes: the maps have 3,000, and each picture more than 50,000
        assert explain() == 1
    said, complained = capsys.readouterr()
    assert names(output) == ["maps.npz", RECORD]
    assert [str(output / name) in said for name in FILES] == [True, False, False, True]
    for line, name in zip(complained.splitlines(), ("overlay.mp4", "grid.png"), strict=True):
        assert line.startswith(f"imap-fast: {output / name} was not written (")
        assert "File too large" in line
        assert line.endswith("; the same command draws it from maps.npz")
    assert str(tmp_path) not in (output / RECORD).read_text()

    for load in ("imap_fast.loading.pipeline.load_pipeline", "imap_fast.explaining.explainer.Explainer.explain"):
        monkeypatch.setattr(load, lambda *_, **__: pytest.fail("computed again"))
    assert explain() == 0
    said, complained = capsys.readouterr()
    assert said.startswith("done before; drawn now: overlay.mp4, grid.png\n")
    assert complained == ""
    whole, again = verified_record(tmp_path / "whole"), verified_record(output)
    assert without_time(again) == without_time(whole)
    assert list(again) == list(whole)
    assert {name: content for name, content in contents(output).items() if name != RECORD} == {
        name: content for name, content in contents(tmp_path / "whole").items() if name != RECORD
    }
    assert explain() == 0
    assert capsys.readouterr().out.startswith("done before\n")


@pytest.mark.slow
def test_a_failed_picture_is_in_the_json_and_an_edited_video_is_not_drawn(
    explain, video, tmp_path, monkeypatch, capsys
):
    with monkeypatch.context() as patched:
        ends_while_drawing(RuntimeError("a fault"), patched)
        assert explain("--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record[NOT_WRITTEN] == {"grid.png": "RuntimeError: a fault"}
    assert list(record["files"]) == ["maps.npz", "overlay.mp4", RECORD]
    assert {name: record[name] for name in verified_record(tmp_path / "out")} == verified_record(tmp_path / "out")

    content = video.read_bytes()
    video.write_bytes(content + b"\0")
    assert explain() == 2
    assert "video changed; pass --overwrite" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["maps.npz", "overlay.mp4", RECORD]
    video.write_bytes(content)
    assert explain("--json") == 0
    assert json.loads(capsys.readouterr().out)[NOT_WRITTEN] == {}
    assert names(tmp_path / "out") == RESULTS


@pytest.mark.slow
def test_an_interruption_while_missing_pictures_are_drawn_changes_nothing(explain, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        ends_while_drawing(RuntimeError("a fault"), patched)
        assert explain() == 1
    before = contents(tmp_path / "out")
    with monkeypatch.context() as patched:
        ends_while_drawing(KeyboardInterrupt(), patched)
        assert explain() == 1
    assert contents(tmp_path / "out") == before
    assert explain("--overwrite") == 0
    assert names(tmp_path / "out") == RESULTS


@pytest.mark.slow
def test_one_failed_picture_among_several_videos_does_not_stop_the_others(tiny_folder, tmp_path, monkeypatch, capsys):
    for seed, name in enumerate(("a.mp4", "b.mp4")):
        Clip(draw_frames(9, 32, 48, seed=seed), 12).save(tmp_path / name)
    asked = ["--model", tiny_folder, "--prompt", "a cat", "--concepts", "cat,dog", "--layers", "1", "--top-k", 2]
    command = ["explain", tmp_path / "a.mp4", tmp_path / "b.mp4", *asked, "--output", tmp_path / "out", "--json"]
    draw = SaliencyMaps.save_overlay

    def fail_once(maps, path, shown):
        if shown.name == "a.mp4":
            raise ValueError("Invalid argument")
        draw(maps, path, shown)

    with monkeypatch.context() as patched:
        patched.setattr(SaliencyMaps, "save_overlay", fail_once)
        assert main(list(map(str, command))) == 1
    said, complained = capsys.readouterr()
    first, second = json.loads(said)["videos"]
    assert first[NOT_WRITTEN] == {"overlay.mp4": "ValueError: Invalid argument"}
    assert second[NOT_WRITTEN] == {}
    (line,) = complained.splitlines()
    overlay = tmp_path / "out" / "a.mp4" / "overlay.mp4"
    assert line.startswith(f"imap-fast: {overlay} was not written")
    assert names(tmp_path / "out" / "b.mp4") == RESULTS

    # Drawn by hand meanwhile, and the other video is to be explained again.
    overlay.write_text("mine")
    shutil.rmtree(tmp_path / "out" / "b.mp4")
    assert main(list(map(str, command))) == 1
    said, complained = capsys.readouterr()
    assert [each[NOT_WRITTEN] for each in json.loads(said)["videos"]] == [{"overlay.mp4": TAKEN}, {}]
    assert complained == (
        f"imap-fast: {overlay} was not written (a file in its place is not of this run; move or remove it); "
        "the same command draws it from maps.npz\n"
    )
    assert names(tmp_path / "out" / "b.mp4") == RESULTS
    overlay.unlink()
    assert main(list(map(str, command))) == 0
    assert names(tmp_path / "out" / "a.mp4") == RESULTS


@pytest.fixture
def generate(tiny_folder, tmp_path):
    """`imap-fast generate` on a tiny model, with flags added."""
    asked = ["--model", tiny_folder, "--prompt", "a cat", "--concepts", "cat,dog", "--output", tmp_path / "out"]
    asked += ["--num-inference-steps", 2, "--num-frames", 9, "--layers", "1", "--top-k", 2, "--json"]
    return lambda *flags: main(["generate", *map(str, asked), *flags])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("imap_fast.video.clip.Clip.save", ["video.mp4"]),
        ("imap_fast.maps.saliency_maps.SaliencyMaps.save_overlay", ["overlay.mp4"]),
        ("imap_fast.video.clip.Clip.of", ["video.mp4", "overlay.mp4", "grid.png"]),
    ],
)
def test_maps_of_a_generated_video_are_kept_without_it(generate, broken, missing, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        patched.setattr(broken, fails(ValueError("float frames must be in [0, 1]")))
        assert generate() == 1
    said, complained = capsys.readouterr()
    assert list(json.loads(said)[NOT_WRITTEN]) == missing
    lines = [line for line in complained.splitlines() if "was not written" in line]
    for line, name in zip(lines, missing, strict=True):
        assert line.startswith(f"imap-fast: {tmp_path / 'out' / name} was not written (ValueError: float frames must")
        assert line.endswith("; draw it from maps.npz in Python, or pass --overwrite to generate again")
    kept = [name for name in (*RESULTS, "video.mp4") if name not in missing]
    assert names(tmp_path / "out") == kept
    assert verified_record(tmp_path / "out")[NOT_WRITTEN].keys() == set(missing)
    assert SaliencyMaps.load(tmp_path / "out" / "maps.npz").labels == ("cat", "dog")
    assert generate() == 2
    assert generate("--overwrite") == 0
    assert names(tmp_path / "out") == [*RESULTS, "video.mp4"]


@pytest.mark.slow
def test_the_demo_is_measured_also_without_its_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("imap_fast.demo.run.grid_figure", fails(MemoryError()))
    assert main(["demo", "--output", str(tmp_path / "out"), "--backend", "reference"]) == 1
    said, complained = capsys.readouterr()
    assert "AUC against the exact masks" in said
    assert "grid.png  " not in said
    assert "* shown in overlay.mp4; agreement is of that map" in said
    says = "was not written (MemoryError); --overwrite makes everything again"
    assert complained == f"imap-fast: {tmp_path / 'out' / 'grid.png'} {says}\n"
    assert names(tmp_path / "out") == ["clip.mp4", "maps.npz", "overlay.mp4", RECORD, "scores.json"]
    assert verified_record(tmp_path / "out")[NOT_WRITTEN] == {"grid.png": "MemoryError"}
