"""The lists of the paper: concepts and motions as text with commas, and videos that are generated."""

import json

import numpy as np
import pytest

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.evaluate import evaluate
from imap_fast.evaluate.datasets import open_dataset, video_list
from imap_fast.maps.names import MAP_NAMES
from imap_fast.video import Clip, read_clip
from tests.evaluate.folders import write_json

FILMED = {
    "video_path": "videos/00099fdb8d89_1.mp4",
    "caption": "Two people are dancing hand in hand in a room.",
    "concepts": "person, mirror, bed, ",
    "camera": "static",
    "object": "standing, performing",
    "motion_idx": -1,
}
TO_GENERATE = {"caption": "A red ball bounces.", "concepts": "ball, wall, background", "object": "bouncing, ball"}


def test_texts_with_commas_are_several_concepts(tmp_path):
    dataset = video_list(write_json(tmp_path / "1.json", [FILMED, FILMED | {"motion_idx": -2, "camera": None}]))
    assert list(dataset.clips) == ["0000-00099fdb8d89_1.mp4", "0001-00099fdb8d89_1.mp4"]
    example = dataset.clips["0000-00099fdb8d89_1.mp4"]()
    assert example.concepts == ("person", "mirror", "bed", "standing", "performing")
    assert example.motions == ("standing", "performing")
    assert example.video == tmp_path / "videos" / "00099fdb8d89_1.mp4"
    assert example.truths == ()


def test_masks_are_of_one_object(tmp_path):
    (tmp_path / "masks" / "00099fdb8d89_1").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"record 0 has the objects \['standing', 'performing'\], and .* masks of one"):
        video_list(write_json(tmp_path / "1.json", [FILMED]))
    assert len(video_list(write_json(tmp_path / "1.json", [FILMED | {"object": "person,"}])).clips) == 1


def test_a_list_without_videos_is_refused_with_the_fix(tmp_path, capsys):
    path = write_json(tmp_path / "2.json", [FILMED, TO_GENERATE])
    assert main(["eval", str(path), "--model", "demo", "--output", str(tmp_path / "out")]) == 2
    said = "record 1 has no video_path; pass --generate (generate=True) to generate its video from its caption, or name"
    assert said in capsys.readouterr().err
    assert list(video_list(path, generate=True).clips) == ["0000-00099fdb8d89_1.mp4", "0001-a-red-ball-bounces"]
    with pytest.raises(ValueError, match="record 0 has a stretch and no video_path; omit start and end"):
        video_list(write_json(tmp_path / "2.json", [TO_GENERATE | {"start": 1}]), generate=True)
    with pytest.raises(ValueError, match="generated from the captions of a JSON list, and demo is none"):
        open_dataset("demo", generate=True)


@pytest.mark.parametrize("flags", [["--noises", "2"], ["--vae", "demo"]], ids=str)
def test_what_generation_has_not_is_refused(tmp_path, capsys, flags):
    path = write_json(tmp_path / "2.json", [TO_GENERATE])
    assert main(["eval", str(path), "--model", "demo", "--generate", *flags]) == 2
    assert "generated from one noise, with the model's own VAE; omit --noises and --vae" in capsys.readouterr().err


@pytest.mark.slow
def test_without_a_function_that_generates_a_clip_fails(tmp_path, demo_pipeline):
    dataset = video_list(write_json(tmp_path / "2.json", [TO_GENERATE]), generate=True)
    found = evaluate(demo_pipeline, dataset, layers=[1], top_k=2)
    says = "it has no video; pass evaluate a function that generates it, generate=…"
    assert found.failed == {"0000-a-red-ball-bounces": says}


OPTIONS = ("--layers", "1", "--top-k", "2", "--num-inference-steps", "3")


@pytest.mark.slow
def test_generated_clips_are_those_of_generate(tmp_path, tiny_folder, monkeypatch, capsys):
    second = TO_GENERATE | {"caption": "A blue cube falls.", "concepts": "cube, floor", "object": "falling"}
    path, out = write_json(tmp_path / "2.json", [TO_GENERATE, second]), tmp_path / "out"
    command = ["eval", str(path), "--generate", "--model", str(tiny_folder), *OPTIONS]
    command += ["--window", "9", "--seed", "7", "--output", str(out)]
    assert main(command) == 0
    said, complained = capsys.readouterr()
    assert "the maps of clips without masks: 2, not measured" in said
    assert complained == ""
    record = json.loads((out / "results.json").read_text())
    assert record["seeds"] == {"0000-a-red-ball-bounces": 7, "0001-a-blue-cube-falls": 8}
    assert record["options"]["generation"]["sampling"]["num_frames"] == 9

    folder, alone = out / "videos" / "0001-a-blue-cube-falls", tmp_path / "alone"
    assert json.loads((folder / "run.json").read_text())["seed"] == 8
    once = [
        "generate",
        "--model",
        str(tiny_folder),
        "--prompt",
        second["caption"],
        "--concepts",
        "cube, floor, falling",
    ]
    once += [*OPTIONS, "--num-frames", "9", "--seed", "8", "--output", str(alone), "--maps", ",".join(MAP_NAMES)]
    assert main(once) == 0
    assert sorted(file.name for file in folder.iterdir()) == sorted(file.name for file in alone.iterdir())
    ours, theirs = (SaliencyMaps.load(each / "maps.npz") for each in (folder, alone))
    assert ours.labels == theirs.labels == ("cube", "floor", "falling")
    assert ours.maps.keys() == theirs.maps.keys()
    for name in ours.maps:
        np.testing.assert_array_equal(ours.maps[name], theirs.maps[name])
    np.testing.assert_array_equal(read_clip(folder / "video.mp4").frames, read_clip(alone / "video.mp4").frames)

    monkeypatch.setattr("imap_fast.cli.eval_run.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    assert main(command) == 0


def fails(*_, **__):
    raise RuntimeError("a fault")


@pytest.mark.slow
def test_a_picture_of_a_generated_clip_is_drawn_later_and_a_lost_video_generated_again(
    tmp_path, tiny_folder, monkeypatch, capsys
):
    path, out = write_json(tmp_path / "2.json", [TO_GENERATE]), tmp_path / "out"
    command = ["eval", str(path), "--generate", "--model", str(tiny_folder), *OPTIONS, "--output", str(out)]
    folder = out / "videos" / "0000-a-red-ball-bounces"
    with monkeypatch.context() as patched:
        patched.setattr(SaliencyMaps, "save_overlay", fails)
        assert main(command) == 1
    assert "overlay.mp4 was not written (RuntimeError: a fault); the same command draws it" in capsys.readouterr().err
    whole = (folder / "video.mp4").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.cli.eval_generation.generate_video", lambda *_, **__: pytest.fail("generated again"))
        assert main(command) == 0
    assert (folder / "overlay.mp4").exists()

    (folder / "video.mp4").unlink()
    with monkeypatch.context() as patched:
        patched.setattr(Clip, "save", fails)
        assert main(command) == 1
    assert "video.mp4 was not written (RuntimeError: a fault); the same command generates it again" in (
        capsys.readouterr().err
    )
    assert main(command) == 0
    said = capsys.readouterr().err
    assert (
        f"has lost its results, and is evaluated again ({folder} has no video.mp4, which could not be written)" in said
    )
    assert (folder / "video.mp4").read_bytes() == whole


def test_the_name_of_a_clip_can_be_that_of_a_folder(tmp_path):
    records = [{"video_path": f"{'ü' * 120}.mp4", "caption": "a cat", "concepts": ["cat"]}]
    (name,) = video_list(write_json(tmp_path / "list.json", records)).clips
    assert name.startswith("0000-")
    assert name.endswith("ü.mp4")
    (tmp_path / name).mkdir()
