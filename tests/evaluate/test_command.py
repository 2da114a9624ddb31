"""`imap-fast eval`, from a terminal's line to its files."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.record import write_record
from imap_fast.evaluate import worst as worst_module
from imap_fast.evaluate.evaluation import ESTIMATED
from imap_fast.maps.names import MAP_NAMES
from imap_fast.video import Clip
from tests.evaluate.folders import CAPTIONS, davis, write_json
from tests.video.media import draw_frames

TINY = {"layers": "1", "top_k": 2, "height": 32, "width": 48}


@pytest.fixture
def evaluate(tmp_path):
    """`imap-fast eval` on the demo's world, with options added or replaced."""

    def run(data="demo", *flags, **options):
        options = {"model": "demo", "output": tmp_path / "out", "worst": 1} | options
        named = [str(word) for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        return main(["eval", str(data), *named, *flags])

    return run


@pytest.mark.slow
def test_the_demo_world_is_measured_reported_and_not_repeated(evaluate, tmp_path, monkeypatch, capsys):
    assert evaluate(clips=2) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "2 clips" in said
    for told in ("objects", "motions", "segmentation", "AUC over", "random", "Otsu's", "J&F", "mIoU", "mVC16"):
        assert told in said
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert record["clips"] == {"measured": 2, "unmasked": 0, "failed": {}}
    assert record["options"]["model"] == "demo"
    assert record["settings"]["layers"] == record["options"]["layers"]
    assert record["options"]["versions"].keys() == {"imap-fast", "torch", "diffusers"}
    for kind, measures in ESTIMATED.items():
        assert set(record["metrics"][kind]) == set(measures)
    shown = record["metrics"]["object"]["spatial_auc"]
    assert set(shown) == {*MAP_NAMES, "imap_clip", "gramcol_clip", "random_heads", "by_concept"}
    assert 0.5 < shown["imap"]["low"] <= shown["imap"]["mean"] <= shown["imap"]["high"] < 1
    (worst,) = record["worst"]
    picture = np.asarray(Image.open(tmp_path / "out" / worst["picture"]))
    assert picture.shape[1] > 1000

    monkeypatch.setattr("imap_fast.cli.eval_run.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    assert evaluate("demo", "--json", clips=2) == 0
    assert json.loads(capsys.readouterr().out) == record
    assert evaluate(clips=2, seed=1) == 2
    assert "seed was 0 and is 1" in capsys.readouterr().err


@pytest.mark.slow
def test_more_clips_add_to_those_that_are_done(evaluate, tmp_path, capsys):
    assert evaluate(clips=1, worst=0) == 0
    first = (tmp_path / "out" / "clips.jsonl").read_text()
    assert evaluate(clips=2, worst=0) == 0
    assert (tmp_path / "out" / "clips.jsonl").read_text().startswith(first)
    assert json.loads((tmp_path / "out" / "results.json").read_text())["clips"]["measured"] == 2
    assert evaluate("demo", "--overwrite", clips=1, seed=1, worst=0) == 0
    assert not (tmp_path / "out" / "clips.jsonl").read_text().startswith(first)


@pytest.mark.slow
def test_what_was_done_is_kept_after_an_interruption(evaluate, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.cli.eval_run.worst_figures", interrupt)
        assert evaluate(clips=1) == 1
    assert "finished clips are kept; the same command resumes" in capsys.readouterr().err
    assert not (tmp_path / "out" / "results.json").exists()
    monkeypatch.setattr("imap_fast.evaluate.run.localization", lambda *_: pytest.fail("repeated a clip"))
    assert evaluate(clips=1) == 0
    assert (tmp_path / "out" / "results.json").exists()


@pytest.mark.slow
def test_a_broken_clip_is_told_at_the_end(evaluate, tiny_folder, tmp_path, capsys):
    davis(tmp_path / "davis")
    torn = tmp_path / "davis" / "JPEGImages" / "480p" / "bear" / "00003.jpg"
    torn.write_bytes(b"torn")
    options = {"model": tiny_folder, "captions": write_json(tmp_path / "captions.json", CAPTIONS), **TINY}
    assert evaluate(tmp_path / "davis", **options) == 1
    said, complained = capsys.readouterr()
    assert "1 clip:" in said
    assert "motions" not in said
    reason = f"bear: {torn.relative_to(tmp_path / 'davis')} cannot be read as a picture"
    assert f"1 of 2 clips could not be evaluated: {reason}" in complained
    record = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(record["clips"]["failed"]) == ["bear"]
    assert str(tmp_path) not in (tmp_path / "out" / "results.json").read_text()
    assert record["metrics"]["motion"]["temporal_auc"]["imap"]["mean"] is None


@pytest.mark.slow
def test_a_list_without_masks_leaves_maps_to_read(evaluate, tiny_folder, tmp_path, capsys):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    record = {"video_path": "cat.mp4", "caption": "a cat runs", "concepts": ["cat", "runs"], "object": "cat"}
    videos = write_json(tmp_path / "list.json", [record])
    assert evaluate(videos, model=tiny_folder, layers="1", top_k=2) == 0
    said = capsys.readouterr().out
    assert "the maps of clips without masks: 1, not measured" in said
    assert "AUC" not in said
    folder = tmp_path / "out" / "videos" / "0000-cat.mp4"
    assert sorted(file.name for file in folder.iterdir()) == ["grid.png", "maps.npz", "overlay.mp4", "run.json"]
    assert SaliencyMaps.load(folder / "maps.npz").labels == ("cat", "runs")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["worst"] == []
    assert json.loads((folder / "run.json").read_text())["video"] == "../../../cat.mp4"


@pytest.mark.slow
def test_a_clip_without_masks_that_lost_its_results_is_evaluated_again(
    evaluate, tiny_folder, tmp_path, monkeypatch, capsys
):
    for number, name in enumerate(("cat", "dog")):
        Clip(draw_frames(9, 32, 48, seed=number), 12).save(tmp_path / f"{name}.mp4")
    record = {"video_path": "cat.mp4", "caption": "a cat runs", "concepts": ["cat", "runs"]}
    videos = write_json(tmp_path / "list.json", [record, record | {"video_path": "dog.mp4"}])
    options = {"model": tiny_folder, "layers": "1", "top_k": 2}
    assert evaluate(videos, output=tmp_path / "other", seed=1, **options) == 0
    assert evaluate(videos, **options) == 0
    folder = tmp_path / "out" / "videos" / "0000-cat.mp4"
    whole = (folder / "maps.npz").read_bytes()

    def copied(source):
        return lambda: shutil.copytree(source, folder, dirs_exist_ok=True)

    for lose, says in (
        (lambda: shutil.rmtree(folder.parent), f"{folder} has no run.json"),
        (lambda: (folder / "grid.png").unlink(), f"{folder / 'grid.png'}, a file of this run, is missing"),
        (lambda: (folder / "maps.npz").write_bytes(b"torn"), f"{folder / 'maps.npz'} is damaged or of another run"),
        (copied(tmp_path / "other" / "videos" / "0000-cat.mp4"), f"{folder} holds another run"),
        (copied(tmp_path / "out" / "videos" / "0001-dog.mp4"), f"{folder} holds another run"),
        (lambda: ((tmp_path / "out" / "results.json").unlink(), shutil.rmtree(folder)), f"{folder} has no run.json"),
    ):
        lose()
        capsys.readouterr()
        assert evaluate(videos, **options) == 0
        complained = capsys.readouterr().err
        assert f"the clip 0000-cat.mp4 has lost its results, and is evaluated again ({says}" in complained
        assert (folder / "maps.npz").read_bytes() == whole
    monkeypatch.setattr("imap_fast.cli.eval_run.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    assert evaluate(videos, **options) == 0
    assert capsys.readouterr().err == ""


def fails(*_, **__):
    raise RuntimeError("a fault")


@pytest.mark.slow
def test_maps_of_a_clip_without_masks_are_kept_and_its_picture_is_drawn_from_them(
    evaluate, tiny_folder, tmp_path, monkeypatch, capsys
):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    videos = write_json(
        tmp_path / "list.json", [{"video_path": "cat.mp4", "caption": "a cat runs", "concepts": ["cat", "runs"]}]
    )
    options, name = {"model": tiny_folder, "layers": "1", "top_k": 2}, "videos/0000-cat.mp4/overlay.mp4"
    for flags in ([], ["--json"]):  # a picture may fail twice
        with monkeypatch.context() as patched:
            patched.setattr(SaliencyMaps, "save_overlay", fails)
            assert evaluate(videos, *flags, **options) == 1
        said, complained = capsys.readouterr()
        assert complained == (
            f"imap-fast: {tmp_path / 'out' / name} was not written (RuntimeError: a fault); "
            "the same command draws it, and measures nothing again\n"
        )
    assert json.loads(said)["not_written"] == {name: "RuntimeError: a fault"}
    folder = (tmp_path / "out" / name).parent
    assert sorted(file.name for file in folder.iterdir()) == ["grid.png", "maps.npz", "run.json"]

    monkeypatch.setattr("imap_fast.cli.eval_run.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    (folder / "overlay.mp4").write_text("drawn by hand")
    assert evaluate(videos, **options) == 1
    assert capsys.readouterr().err == (
        f"imap-fast: {folder / 'overlay.mp4'} was not written (a file in its place is not of this run; move or remove "
        "it); the same command draws it, and measures nothing again\n"
    )
    assert (folder / "overlay.mp4").read_text() == "drawn by hand"
    (folder / "overlay.mp4").unlink()
    assert evaluate(videos, "--json", **options) == 0
    said, complained = capsys.readouterr()
    assert json.loads(said)["not_written"] == {}
    assert complained == ""
    assert sorted(file.name for file in folder.iterdir()) == ["grid.png", "maps.npz", "overlay.mp4", "run.json"]


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        ("nowhere", {}, "nowhere is no data set; give demo"),
        ("demo", {"captions": "a.json"}, "captions are for a folder"),
        ("demo", {"clips": 0}, "--clips"),
        ("demo", {"layers": "99"}, "layer 99 does not exist"),
        ("demo", {"top_k": 99}, "top_k=99"),
        ("demo", {"model": "./nowhere"}, "no such folder"),
        ("demo", {"output": "/dev/null/out"}, "cannot be written"),
    ],
    ids=str,
)
def test_wrong_use_is_answered_with_one_line(data, options, says, evaluate, capsys):
    assert evaluate(data, "--json", **options) == 2
    said, complained = capsys.readouterr()
    assert says in complained
    assert complained == f"imap-fast: {json.loads(said)['error']}\n"


def test_results_of_something_else_are_not_replaced_unasked(evaluate, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text("precious")
    assert evaluate(clips=1) == 2
    assert "already holds results.json; pass --overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.json").read_text() == "precious"


@pytest.fixture
def evaluate_davis(evaluate, tiny_folder, tmp_path):
    """`imap-fast eval` on a small data set and a model that is not trained."""
    davis(tmp_path / "davis")
    captions = write_json(tmp_path / "captions.json", CAPTIONS)

    def run(*flags, **options):
        return evaluate(
            tmp_path / "davis", *flags, **{"model": tiny_folder, "captions": captions, "worst": 0, **TINY, **options}
        )

    return run


@pytest.mark.slow
def test_no_picture_of_earlier_results_is_left_among_the_new_ones(evaluate_davis, tmp_path):
    assert evaluate_davis(worst=2) == 0
    (tmp_path / "out" / "worst" / "mine.png").touch()
    assert evaluate_davis(worst=1) == 0
    assert sorted(file.name for file in (tmp_path / "out" / "worst").iterdir()) == ["1.png", "mine.png"]


@pytest.mark.slow
def test_measurements_are_kept_where_a_worst_clip_cannot_be_drawn(evaluate_davis, tmp_path, monkeypatch, capsys):
    results, worst = tmp_path / "out" / "results.json", tmp_path / "out" / "worst"
    assert evaluate_davis(worst=2) == 0
    whole = json.loads(results.read_text())
    draw = iter((fails, worst_module.grid_figure))
    with monkeypatch.context() as patched:
        patched.setattr(worst_module, "grid_figure", lambda *arguments: next(draw)(*arguments))
        capsys.readouterr()
        assert evaluate_davis("--overwrite", worst=2) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"imap-fast: {worst / '1.png'} was not written (RuntimeError: a fault); the same command")
    record = json.loads(results.read_text())
    assert [each["picture"] for each in record["worst"]] == [None, "worst/2.png"]
    assert record["not_written"] == {"worst/1.png": "RuntimeError: a fault"}
    assert record["metrics"] == whole["metrics"]
    assert [file.name for file in worst.iterdir()] == ["2.png"]

    monkeypatch.setattr("imap_fast.evaluate.run.localization", lambda *_: pytest.fail("measured again"))
    assert evaluate_davis(worst=2) == 0
    again = json.loads(results.read_text())
    assert {**again, "seconds": 0, "digest": 0} == {**whole, "seconds": 0, "digest": 0}


def mirror(masks):
    for file in masks.iterdir():
        Image.open(file).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file)


@pytest.mark.slow
def test_measurements_of_other_masks_are_not_taken_for_done(evaluate_davis, tmp_path, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    results, masks = tmp_path / "out" / "results.json", tmp_path / "davis" / "Annotations" / "480p"
    assert evaluate_davis() == 0
    before = json.loads(results.read_text())["metrics"]
    capsys.readouterr()
    mirror(masks / "dogs")
    assert evaluate_davis() == 2
    said = capsys.readouterr().err
    assert "other files of the clip 'dogs': its video, frames or masks changed; pass --overwrite or another" in said
    assert json.loads(results.read_text())["metrics"] == before

    # The journal of the new masks, beside the results of the old ones.
    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.cli.eval_run.worst_figures", interrupt)
        assert evaluate_davis("--overwrite") == 1
    assert json.loads(results.read_text())["metrics"] == before
    assert evaluate_davis() == 0
    assert json.loads(results.read_text())["metrics"] != before


@pytest.mark.slow
def test_results_that_are_damaged_are_made_again_and_it_is_said(evaluate_davis, tmp_path, capsys):
    results = tmp_path / "out" / "results.json"
    assert evaluate_davis() == 0
    whole = json.loads(results.read_text())
    metrics = {**whole["metrics"], "motion": {}}
    for change, says in (
        (lambda record: record.pop("clips"), "clips: Field required"),
        (lambda record: record.update(clips={"measured": 2}), "clips.unmasked: Field required"),
        (lambda record: record.update(worst=5), "worst: Input should be a valid list"),
        (lambda record: record.update(metrics=metrics), "metrics: a measure is missing"),
        (lambda record: record.pop("journal"), "journal: Field required"),
    ):
        record = json.loads(json.dumps(whole))
        change(record)
        write_record(tmp_path / "out", record, [], "results.json")  # with its digest
        capsys.readouterr()
        assert evaluate_davis() == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"imap-fast: {results} is damaged, and is made again from clips.jsonl ({says}")
        again = json.loads(results.read_text())
        assert {**again, "seconds": 0, "digest": 0} == {**whole, "seconds": 0, "digest": 0}


@pytest.mark.parametrize("name", ["big.json", "words.txt"])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(name, evaluate, tmp_path, capsys):
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)
    if name == "big.json":
        assert evaluate(tmp_path / name) == 2
        assert "big.json is larger than 64 MiB); give a JSON list" in capsys.readouterr().err
    else:
        arguments = ["--model", "demo", "--prompt", "a", "--concepts-file", str(tmp_path / name)]
        assert main(["explain", "cat.mp4", *arguments]) == 2
        assert f"{tmp_path / name} is larger than 1 MiB; give a text file" in capsys.readouterr().err
