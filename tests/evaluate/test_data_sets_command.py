"""`imap-fast eval` of each data set in its layout, with the model that ships."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imap_fast.cli import main
from imap_fast.evaluate import run as run_module
from tests.evaluate import layouts
from tests.evaluate.folders import CAPTIONS, davis, write_json, youtube_vos


def davis_2017(root: Path) -> list[str]:
    davis(root / "data set")
    return [str(root / "data set"), "--captions", str(write_json(root / "captions.json", CAPTIONS))]


def davis_2016(root: Path) -> list[str]:
    """All objects of a clip are one, and white."""
    given = davis_2017(root)
    for file in (root / "data set" / "Annotations").glob("*/*/*"):
        Image.fromarray((255 * (np.asarray(Image.open(file)) > 0)).astype(np.uint8)).save(file)
    write_json(root / "captions.json", {clip: each | {"concepts": {"1": "animal"}} for clip, each in CAPTIONS.items()})
    return given


def two_of_youtube_vos(root: Path) -> list[str]:
    youtube_vos(root / "data set")
    meta = json.loads((root / "data set" / "meta.json").read_text())
    for kind in ("JPEGImages", "Annotations"):
        other = root / "data set" / kind / "second"
        other.mkdir()
        for file in (root / "data set" / kind / layouts.PANDAS).iterdir():
            (other / file.name).write_bytes(file.read_bytes())
    meta["videos"]["second"] = meta["videos"][layouts.PANDAS]
    write_json(root / "data set" / "meta.json", meta)
    return [str(root / "data set")]


def all_of_vspw(root: Path) -> list[str]:
    layouts.vspw(root).write_text("\n".join(layouts.CLIPS_OF_VSPW))
    return [str(root / "val.txt")]


LAYOUTS = {
    "DAVIS 2016": davis_2016,
    "DAVIS 2017": davis_2017,
    "YouTube-VOS": two_of_youtube_vos,
    "Ref-YouTube-VOS": lambda root: [str(layouts.ref_youtube_vos(root))],
    "Ref-DAVIS": lambda root: [str(layouts.ref_davis(root))],
    "MeViS": lambda root: [str(layouts.mevis(root))],
    "VSPW": all_of_vspw,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_each_data_set_is_measured_and_resumes_to_the_same_bytes(name, tmp_path, monkeypatch, capsys):
    given = LAYOUTS[name](tmp_path)
    command = ["eval", *given, "--model", "demo", "--worst", "0", "--clips", "2", "--json"]
    assert main([*command, "--output", str(tmp_path / "whole")]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    record = json.loads(said)
    assert record["clips"] == {"measured": 2, "unmasked": 0, "failed": {}}
    assert record["skipped"] == {}
    assert 0 <= record["metrics"]["object"]["spacetime_auc"]["imap"]["mean"] <= 1

    measure, done = run_module.localization, []

    def interrupt(*arguments):
        if done:
            raise KeyboardInterrupt
        done.append(True)
        return measure(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "localization", interrupt)
        assert main([*command, "--output", str(tmp_path / "resumed")]) == 1
    assert len((tmp_path / "resumed" / "clips.jsonl").read_text().splitlines()) == 2, "the options and a clip"
    assert main([*command, "--output", str(tmp_path / "resumed")]) == 0
    whole, resumed = ((tmp_path / folder / "clips.jsonl").read_bytes() for folder in ("whole", "resumed"))
    assert resumed == whole


def edit_json(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    write_json(path, content)


def mirror(file):
    Image.open(file).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(file)


CHANGES = {
    "Ref-DAVIS": (
        lambda root: mirror(root / "valid/Annotations/bear/00004.png"),
        "other files of the clip 'bear-0'",
    ),
    "Ref-YouTube-VOS": (
        lambda root: edit_json(
            root / "meta_expressions/train/meta_expressions.json",
            lambda content: content["videos"][layouts.PANDAS]["expressions"]["0"].update(exp="a bear"),
        ),
        "other settings: expressions changed",
    ),
    "MeViS": (
        lambda root: edit_json(root / "valid_u/mask_dict.json", lambda masks: masks["7"].reverse()),
        "other settings: masks changed",
    ),
    "VSPW": (lambda root: mirror(root / "data/0_a/mask/00000.png"), "other files of the clip '0_a'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_other_masks_and_lists_are_not_taken_for_done(name, tmp_path, tiny_folder, capsys):
    given = LAYOUTS[name](tmp_path)
    command = ["eval", *given, "--model", str(tiny_folder), "--layers", "1", "--top-k", "2", "--worst", "0"]
    command += ["--height", "32", "--width", "48", "--clips", "1", "--output", str(tmp_path / "out")]
    assert main(command) == 0
    capsys.readouterr()
    change, says = CHANGES[name]
    change(tmp_path)
    assert main(command) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_not_read_is_said_and_recorded(tmp_path, tiny_folder, capsys):
    given = LAYOUTS["Ref-DAVIS"](tmp_path)
    for number in range(25):
        (tmp_path / "valid/JPEGImages/bear" / f"._{number:05d}.jpg").touch()
    command = ["eval", *given, "--model", str(tiny_folder), "--layers", "1", "--top-k", "2", "--worst", "0", "--json"]
    assert main([*command, "--height", "32", "--width", "48", "--output", str(tmp_path / "out")]) == 0
    said, complained = capsys.readouterr()
    names = [f"JPEGImages/bear/._{number:05d}.jpg" for number in range(25)]
    expected = f"imap-fast: not read: 25 files that are no frame or mask: {', '.join(names[:3])}, …\n"
    assert complained == expected
    assert json.loads(said)["skipped"] == {"files that are no frame or mask": {"count": 25, "names": names[:20]}}


@pytest.mark.slow
def test_a_broken_clip_does_not_stop_the_others(tmp_path, tiny_folder, capsys):
    given = LAYOUTS["MeViS"](tmp_path)
    edit_json(
        tmp_path / "valid_u/mask_dict.json", lambda masks: masks["7"].__setitem__(4, {"size": [16, 24], "counts": "?"})
    )
    command = ["eval", *given, "--model", str(tiny_folder), "--layers", "1", "--top-k", "2", "--worst", "0"]
    assert main([*command, "--height", "32", "--width", "48", "--output", str(tmp_path / "out")]) == 1
    assert (
        "1 of 2 clips could not be evaluated: dogs-0: mask_dict.json: the counts of a mask do not fill it "
        "(annotation 7, frame 00004); copy it again"
    ) in capsys.readouterr().err


def test_options_of_folders_are_refused_for_others(tmp_path, capsys):
    assert main(["eval", "demo", "--model", "demo", "--concepts", str(write_json(tmp_path / "a.json", {}))]) == 2
    assert "concepts are for a folder of frames and masks, and demo is none; omit them" in capsys.readouterr().err


@pytest.mark.slow
def test_an_evaluation_of_which_every_clip_failed_goes_on(tmp_path, capsys):
    given = davis_2016(tmp_path)
    torn = sorted((tmp_path / "data set" / "Annotations").glob("*/*/00000.png"))
    contents = [file.read_bytes() for file in torn]
    for file in torn:
        file.write_bytes(b"")
    command = ["eval", *given, "--model", "demo", "--output", str(tmp_path / "results"), "--worst", "0", "--json"]
    assert main(command) == 1
    assert json.loads(capsys.readouterr().out)["clips"]["measured"] == 0
    for file, content in zip(torn, contents, strict=True):
        file.write_bytes(content)
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["clips"]["measured"] == 2
