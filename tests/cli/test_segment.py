"""`imap-fast segment`: from runs, maps and videos to masks in files."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imap_fast.cli import main, segment_run
from imap_fast.cli.record import verified_record, write_record
from imap_fast.files import sha256_of
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.masks import Masks
from imap_fast.masks.names import FORMATS, NUMBERED
from imap_fast.video import Clip, VideoFile
from tests.masks.tiny_sam2 import save_tiny_sam2
from tests.report import moving
from tests.video.media import draw_frames

READ = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH, "fps": 8.0}


def make_run(folder, film):
    """A run as `imap-fast explain` leaves it, of a video that lies elsewhere."""
    folder.mkdir(parents=True)
    moving.make_maps(video=READ | {"sha256": VideoFile(film).fingerprint()}).save(folder / "maps.npz")
    options = {"video": sha256_of(film)}
    write_record(folder, {"command": "explain", "video": f"../{film.name}", "options": options}, ["maps.npz"])
    return folder


@pytest.fixture
def run(tmp_path):
    moving.make_clip().save(tmp_path / "film.mp4")
    return make_run(tmp_path / "run", tmp_path / "film.mp4")


def segment(*arguments: object) -> int:
    return main(["segment", *map(str, arguments)])


def files_in(folder) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written_and_not_again(format, run, tmp_path, capsys):
    output = tmp_path / "out"
    assert segment(run, "--format", format, "--output", output) == 0
    said, complained = capsys.readouterr()
    assert said.startswith("masks of 17 frames in 1 video: made\n  film, ")
    assert complained == ""
    assert all(line.split("  ")[1].startswith((str(output), "film, ")) for line in said.splitlines()[1:])
    record = verified_record(output)
    assert record["exclusive"] is (format in NUMBERED)
    assert not any(name.startswith(".") for name in files_in(output))
    before = files_in(output)
    assert set(before) == {*record["sha256"], "run.json"}
    assert segment(run, "--format", format, "--output", output) == 0
    assert capsys.readouterr().out.startswith("masks of 17 frames in 1 video: done before\n")
    assert files_in(output) == before


def test_the_masks_are_those_of_python(run, tmp_path, capsys):
    assert segment(run, "--format", "npz", "--threshold", "80%", "--output", tmp_path / "out", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    masks = Masks.load(tmp_path / "out" / "film.masks.npz")
    expected = SaliencyMaps.load(run / "maps.npz").masks(tmp_path / "film.mp4", threshold="80%")
    assert masks.labels == expected.labels
    for label in masks.labels:
        assert (masks[label] == expected[label]).all()
        in_frames, area = told["clips"]["film"]["concepts"][label]
        assert in_frames == masks[label].any((1, 2)).sum()
        assert area == pytest.approx(masks[label].mean())


def test_what_davis_gets_is_what_eval_of_a_peer_reads(run, tmp_path, capsys):
    from imap_fast.evaluate.datasets.palette_masks import palette_masks

    assert segment(run, "--output", tmp_path / "out") == 0
    data = palette_masks(tmp_path / "out", captions=tmp_path / "out" / "captions.json")
    example = data.clips["film"]()
    masks = SaliencyMaps.load(run / "maps.npz").masks(tmp_path / "film.mp4", exclusive=True)
    assert example.truths
    for truth in example.truths:
        assert (truth.mask == masks[truth.label]).all()
    picture = Image.open(next((tmp_path / "out").glob("Annotations/Full-Resolution/film/*.png")))
    assert picture.mode == "P"


def test_several_runs_are_clips_of_one_data_set(run, tmp_path, capsys):
    for name in ("a", "b"):
        make_run(tmp_path / "runs" / name, tmp_path / "film.mp4")
        record = json.loads((tmp_path / "runs" / name / "run.json").read_text())
        record["video"] = "../../film.mp4"
        record.pop("digest")
        write_record(tmp_path / "runs" / name, record, ["maps.npz"])
    assert segment(tmp_path / "runs", run, "--output", tmp_path / "out") == 0
    assert capsys.readouterr().out.startswith("masks of 51 frames in 3 videos: made\n")
    clips = {each.name for each in (tmp_path / "out" / "Annotations" / "Full-Resolution").iterdir()}
    assert len(clips) == 3
    assert segment(tmp_path / "runs", "--video", tmp_path / "film.mp4", "--output", tmp_path / "other") == 2
    assert "is of one run, and there are 2" in capsys.readouterr().err


def test_a_file_of_maps_has_a_video_if_it_is_named(run, tmp_path, capsys):
    maps = shutil.copy(run / "maps.npz", tmp_path / "kept.npz")
    assert segment(maps, "--video", tmp_path / "film.mp4", "--output", tmp_path / "with") == 0
    assert segment(maps, "--output", tmp_path / "without") == 0
    capsys.readouterr()
    assert (tmp_path / "with" / "JPEGImages").is_dir()
    assert not (tmp_path / "without" / "JPEGImages").exists()
    assert segment(maps, "--refine", "guided", "--output", tmp_path / "sharp") == 2
    assert "a refinement looks at the video; give it" in capsys.readouterr().err


def test_a_generated_video_is_segmented(tmp_path, capsys):
    folder = tmp_path / "run"
    moving.make_clip().save(folder / "video.mp4")
    moving.make_maps().save(folder / "maps.npz")
    write_record(folder, {"command": "generate"}, ["maps.npz", "video.mp4"])
    assert segment(folder, "--refine", "guided", "--output", tmp_path / "out") == 0
    assert "  run, below: in 1" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "JPEGImages" / "Full-Resolution" / "run").iterdir())) == 17


@pytest.mark.slow
def test_a_video_is_explained_first(tiny_folder, tmp_path, capsys):
    Clip(draw_frames(11, 60, 90, seed=1), 12).save(tmp_path / "film.mp4")
    reading = ["--model", tiny_folder, "--prompt", "a cat", "--layers", 1, "--top-k", 2]
    arguments = [tmp_path / "film.mp4", *reading, "--concepts", "cat, dog", "--output", tmp_path / "out"]
    assert segment(*arguments) == 0
    assert capsys.readouterr().out.startswith("masks of 9 frames in 1 video: made\n")
    assert (tmp_path / "out" / "runs" / "overlay.mp4").exists()
    picture = Image.open(tmp_path / "out" / "Annotations" / "Full-Resolution" / "film" / "00000.png")
    assert picture.size == (90, 60)
    assert segment(*arguments) == 0
    assert capsys.readouterr().out.startswith("masks of 9 frames in 1 video: done before\n")


def test_an_interruption_loses_no_mask(run, tmp_path, capsys, monkeypatch):
    whole, output = tmp_path / "whole", tmp_path / "out"
    assert segment(run, "--output", whole) == 0
    write = segment_run.write_record

    def ends(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(segment_run, "write_record", ends)
    assert segment(run, "--output", output) == 1
    assert "finished masks are kept; the same command resumes" in capsys.readouterr().err
    assert [each.name for each in output.iterdir()] == [".unfinished"]
    monkeypatch.setattr(segment_run, "write_record", write)
    assert segment(run, "--threshold", "0.5", "--output", output) == 2
    assert "holds a run with other settings: threshold" in capsys.readouterr().err
    assert segment(run, "--output", output) == 0
    assert files_in(output) == files_in(whole)


def test_other_results_are_replaced_as_a_whole(run, tmp_path, capsys):
    output = tmp_path / "out"
    assert segment(run, "--output", output) == 0
    assert segment(run, "--format", "coco", "--output", output) == 2
    assert "holds a run with other settings: exclusive was True and is False; format was 'davis'" in (
        capsys.readouterr().err
    )
    (output / "mine.txt").write_text("mine")
    assert segment(run, "--format", "coco", "--output", output, "--overwrite") == 0
    names = set(files_in(output))
    assert not (output / "Annotations").exists()
    assert not (output / "captions.json").exists()
    assert names == {*verified_record(output)["sha256"], "run.json", "mine.txt"}


def test_a_concept_without_a_mask_is_named(tmp_path, capsys):
    maps = moving.make_maps()
    for values in maps.maps.values():
        values[0] = 1.0
    maps.save(tmp_path / "maps.npz")
    assert segment(tmp_path / "maps.npz", "--format", "npz", "--output", tmp_path / "out") == 0
    assert f"maps has no mask of {maps.labels[0]!r}; try another --threshold or --map" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "gif"], "--format 'gif' is unknown; choose one of davis"),
        (["--refine", "magic"], "--refine 'magic' is unknown; choose one of none"),
        (["--threshold", "hot"], "threshold='hot' is none of"),
        (["--threshold", "1.5"], "threshold='1.5' is none of"),
        (["--map", "heat"], "heat"),
        (["--concepts", "unicorn"], "no concept 'unicorn'; there are"),
        (["--sam2", "there"], "--sam2 'there' is for --refine sam2"),
        (["--refine", "sam2", "--sam2", "./nowhere"], "--sam2 ./nowhere: no such folder"),
    ],
)
def test_what_is_impossible_is_named_and_nothing_is_left(arguments, says, run, tmp_path, capsys):
    assert segment(run, *arguments, "--output", tmp_path / "out") == 2
    complained = capsys.readouterr().err
    assert says in complained
    assert len(complained.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_inputs_in_another_order_get_their_own_masks(run, tmp_path, capsys, monkeypatch):
    maps = SaliencyMaps.load(run / "maps.npz")
    mirrored = replace(maps, maps={name: values.flip(-1) for name, values in maps.maps.items()})
    maps.save(tmp_path / "one.npz")
    mirrored.save(tmp_path / "two.npz")
    files, output = [tmp_path / "one.npz", tmp_path / "two.npz"], tmp_path / "out"

    def ends(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(segment_run, "write_record", ends)
        assert segment(*files, "--format", "npz", "--output", output) == 1
    assert segment(*reversed(files), "--format", "npz", "--output", output) == 0
    for name, expected in (("one", maps), ("two", mirrored)):
        assert (Masks.load(output / f"{name}.masks.npz")["below"] == expected.masks()["below"]).all()


@pytest.mark.parametrize("name", ["masks", "files", "run.json", "masks.json", "videos"])
@pytest.mark.parametrize("format", ["video", "npz", "coco"])
def test_a_clip_may_have_any_name(name, format, run, tmp_path):
    shutil.copy(run / "maps.npz", tmp_path / f"{name}.npz")
    assert segment(tmp_path / f"{name}.npz", "--format", format, "--output", tmp_path / "out") == 0
    assert verified_record(tmp_path / "out")["clips"].keys() == {name}


def test_options_of_explain_are_for_videos(run, tmp_path, capsys):
    assert segment(run, "--motions", "late", "--layers", 3, "--prompt", "x", "--output", tmp_path / "out") == 2
    said = "--motions, --layers, --prompt: only a video is explained, and "
    assert said in capsys.readouterr().err
    clip = tmp_path / "film.mp4"
    reading = ["--model", "demo", "--prompt", "x", "--concepts", "late"]
    assert segment(run, clip, *reading, "--output", tmp_path / "out") == 2
    assert "--concepts is what to look for in " in capsys.readouterr().err
    assert segment(tmp_path / "typo", "--output", tmp_path / "out") == 2
    assert "typo: no such file or folder; give a run, a file of maps, or a video" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_needs_a_model(tmp_path, capsys):
    moving.make_clip().save(tmp_path / "film.mp4")
    assert segment(tmp_path / "film.mp4", "--output", tmp_path / "out") == 2
    assert "film.mp4 is no run, so it is explained first; give --model and --prompt" in capsys.readouterr().err


def test_a_video_that_changed_is_refused(run, tmp_path, capsys):
    Clip(np.zeros((17, 48, 64, 3), np.uint8), 8).save(tmp_path / "film.mp4")
    assert segment(run, "--output", tmp_path / "out") == 2
    assert "is not the video of this run" in capsys.readouterr().err


def test_what_is_segmented_and_what_is_not_of_a_run_stay(run, tmp_path, capsys):
    assert segment(run, "--output", run, "--overwrite") == 2
    assert "holds maps.npz, of which the masks are made; give another" in capsys.readouterr().err
    assert (run / "maps.npz").exists()
    output = tmp_path / "out"
    output.mkdir()
    (output / "captions.json").write_text("mine")
    assert segment(run, "--output", output) == 2
    assert "already holds captions.json; pass --overwrite or another --output" in capsys.readouterr().err
    assert (output / "captions.json").read_text() == "mine"
    assert segment(run, "--output", output, "--overwrite") == 0
    assert (output / "captions.json").read_text() != "mine"


def test_a_map_that_explain_does_not_make_is_named_before_the_work(tmp_path, capsys):
    moving.make_clip().save(tmp_path / "film.mp4")
    reading = ["--model", "demo", "--prompt", "x", "--concepts", "late", "--map", "cross_attention"]
    assert segment(tmp_path / "film.mp4", *reading, "--output", tmp_path / "out") == 2
    assert "--map cross_attention is not made of videos; add it to --maps" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_another_sam2_in_the_same_folder_is_another_run(run, tmp_path, capsys):
    from safetensors.torch import load_file, save_file

    save_tiny_sam2(tmp_path / "sam2")
    arguments = [run, "--format", "npz", "--refine", "sam2", "--sam2", tmp_path / "sam2", "--device", "cpu"]
    assert segment(*arguments, "--output", tmp_path / "out") == 0
    assert segment(*arguments, "--output", tmp_path / "out") == 0
    assert "done before" in capsys.readouterr().out
    weights = load_file(tmp_path / "sam2" / "model.safetensors")
    save_file(
        {name: -each for name, each in weights.items()}, tmp_path / "sam2" / "model.safetensors", {"format": "pt"}
    )
    assert segment(*arguments, "--output", tmp_path / "out") == 2
    assert "holds a run with other settings: sam2_files.model.safetensors changed" in capsys.readouterr().err
    assert segment(run, "--refine", "sam2", "--sam2", run, "--output", tmp_path / "other") == 2
    assert "the folder has no config.json, so it holds no SAM 2" in capsys.readouterr().err


def test_the_same_masks_give_the_same_bytes(run, tmp_path):
    for name in ("one", "two"):
        assert segment(run, "--format", "ffv1", "--output", tmp_path / name) == 0
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
