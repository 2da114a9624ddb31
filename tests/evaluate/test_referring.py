"""Ref-YouTube-VOS and Ref-DAVIS: each expression is a clip, with the mask of its object."""

import json

import numpy as np
import pytest

from imap_fast.evaluate.datasets import open_dataset, palette_masks, referring
from tests.evaluate.folders import CAPTIONS, masks_of, write_json
from tests.evaluate.layouts import EXPRESSIONS, PANDAS, ref_davis, ref_youtube_vos


def rewrite(root, expressions, split="train", video=PANDAS):
    """Replace the expressions of a split."""
    path = root / "meta_expressions" / split / "meta_expressions.json"
    return write_json(path, {"videos": {video: {"expressions": expressions}}})


def test_each_expression_is_a_clip_with_the_mask_of_its_object(tmp_path):
    dataset = referring(ref_youtube_vos(tmp_path))
    assert list(dataset.clips) == [f"{PANDAS}-0", f"{PANDAS}-1"]
    masks = masks_of(PANDAS)
    for (read, number), expected in zip(
        zip(dataset.clips.values(), (1, 2), strict=True), ("giant panda", "person"), strict=True
    ):
        example = read()
        assert example.caption == EXPRESSIONS[str(number - 1)]["exp"]
        assert example.concepts == (expected, "background")
        assert example.annotated.tolist() == [0, 5]
        (truth,) = example.truths
        np.testing.assert_array_equal(truth.mask, masks[[0, 5]] == number)
    assert dataset.source["data"] == f"{tmp_path.name}/train"
    assert dataset.skipped(dataset.clips) == {}


def test_ref_davis_has_the_same_layout(tmp_path):
    dataset = open_dataset(str(ref_davis(tmp_path)))
    assert list(dataset.clips) == ["bear-0", "dogs-0", "dogs-1"]
    assert [read().concepts[0] for read in dataset.clips.values()] == ["brown bear", "dog", "small ball"]
    np.testing.assert_array_equal(dataset.clips["dogs-1"]().truths[0].mask, masks_of("dogs") == 2)


def test_a_root_with_several_splits_names_them_and_one_with_one_is_it(tmp_path):
    train = ref_youtube_vos(tmp_path / "several")
    with pytest.raises(ValueError, match=f"several has several splits; give one: {train}, {train.parent / 'valid'}$"):
        open_dataset(str(tmp_path / "several"))
    ref_davis(tmp_path / "one")
    assert len(open_dataset(str(tmp_path / "one")).clips) == 3


def test_a_split_that_names_no_objects_is_refused(tmp_path):
    ref_youtube_vos(tmp_path)
    with pytest.raises(ValueError, match=r"no expression in .*valid/meta_expressions\.json names an object"):
        referring(tmp_path / "valid")


def test_what_is_looked_for_can_be_replaced(tmp_path):
    split = ref_youtube_vos(tmp_path)
    concepts = write_json(tmp_path / "concepts.json", {EXPRESSIONS["0"]["exp"]: " panda ", "a cat": "kitten"})
    dataset = referring(split, concepts=concepts)
    assert [read().concepts[0] for read in dataset.clips.values()] == ["panda", "person"]
    assert dataset.skipped(dataset.clips) == {"names in the file of concepts that nothing has": ["a cat"]}
    assert dataset.source != referring(split).source, "a journal tells them apart"


def test_captions_are_of_objects_in_place_of_expressions(tmp_path):
    split = ref_davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    assert open_dataset(str(split), captions=captions).source == palette_masks(split, captions=captions).source


def test_what_cannot_be_measured_is_left_out_and_named(tmp_path):
    split = ref_youtube_vos(tmp_path)
    expressions = EXPRESSIONS | {
        "2": {"exp": "on the left", "obj_id": "1"},
        "3": {"exp": "nobody"},
        "10": {"exp": "the background", "obj_id": 1},
    }
    path = rewrite(tmp_path, expressions)
    videos = {name: {"expressions": EXPRESSIONS} for name in ("gone", "gone2")} | {PANDAS: {"expressions": expressions}}
    write_json(path, {"videos": videos})
    (split / "JPEGImages" / PANDAS / "._00000.jpg").write_bytes(b"no picture")
    (split / "JPEGImages" / ".DS_Store").touch()
    (split / "JPEGImages" / "unknown").mkdir()
    dataset = referring(split)
    assert list(dataset.clips) == [f"{PANDAS}-0", f"{PANDAS}-1"]
    assert dataset.skipped(dataset.clips) == {
        "described videos that are not there": ["gone", "gone2"],
        "videos that nothing describes": ["unknown"],
        "expressions of no object": [f"{PANDAS}-3"],
        "expressions that begin with no name (--concepts FILE gives them one)": [f"{PANDAS}-2", f"{PANDAS}-10"],
        "files that are no frame or mask": [f"JPEGImages/{PANDAS}/._00000.jpg"],
    }
    concepts = write_json(tmp_path / "concepts.json", {"on the left": "panda"})
    assert referring(split, concepts=concepts).clips[f"{PANDAS}-2"]().concepts[0] == "panda"


def test_a_clip_whose_masks_do_not_show_the_object_does_not_stop_the_others(tmp_path):
    split = ref_youtube_vos(tmp_path)
    rewrite(tmp_path, EXPRESSIONS | {"2": {"exp": "a dog", "obj_id": "3"}})
    dataset = referring(split)
    with pytest.raises(ValueError, match=r"shows the objects \[1, 2\], and 'dog' is number 3"):
        dataset.clips[f"{PANDAS}-2"]()
    dataset.clips[f"{PANDAS}-1"]()


@pytest.mark.parametrize(
    ("video", "expressions", "says"),
    [
        ("../../secret", EXPRESSIONS, r"'\.\./\.\./secret' is no name of a video or a frame"),
        ("/etc", EXPRESSIONS, "'/etc' is no name of a video or a frame"),
        ("..", EXPRESSIONS, r"'\.\.' is no name of a video or a frame"),
        (PANDAS, {"../0": EXPRESSIONS["0"]}, "the expression '../0' of '0043f083b5' is no number, or no text"),
        (PANDAS, {"0": {"exp": " ", "obj_id": 1}}, "the expression '0' of '0043f083b5' is no number, or no text"),
        (PANDAS, {"0": {"exp": "a \ud800", "obj_id": 1}}, "no text in valid Unicode"),
        (PANDAS, {"0": {"exp": "a dog", "obj_id": "one"}}, r"has not the form of a meta_expressions\.json \(videos"),
        (PANDAS, {"0": {"exp": "a dog", "obj_id": -1}}, r"has not the form of a meta_expressions\.json \(videos"),
        (PANDAS, ["a dog"], r"has not the form of a meta_expressions\.json \(videos"),
    ],
    ids=str,
)
def test_a_broken_list_of_expressions_is_refused_at_once(tmp_path, video, expressions, says):
    split = ref_youtube_vos(tmp_path)
    path = rewrite(tmp_path, expressions, video=video)
    with pytest.raises(ValueError, match=says) as raised:
        referring(split)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("concepts", [{"a dog": ""}, {"a dog": 3}, {"a dog": "background"}, ["a dog"]], ids=str)
def test_what_cannot_be_looked_for_is_refused(tmp_path, concepts):
    path = write_json(tmp_path / "concepts.json", concepts)
    with pytest.raises(ValueError, match=r"concepts\.json(: 'a dog' is to be| holds a JSON list)"):
        referring(ref_youtube_vos(tmp_path), concepts=path)


def test_expressions_that_begin_with_no_name_are_told(tmp_path):
    split = ref_davis(tmp_path)
    path = tmp_path / "meta_expressions" / split.name / "meta_expressions.json"
    content = json.loads(path.read_text())
    for video in content["videos"].values():
        for each in video["expressions"].values():
            each["exp"] = "the one on the left"
    write_json(path, content)
    with pytest.raises(
        ValueError, match=r"none of the 3 expressions with masks begins with a name; give concepts, a JSON"
    ):
        referring(split)


def test_a_split_may_be_a_link(tmp_path):
    split = ref_davis(tmp_path)
    elsewhere = tmp_path / "store" / "of davis"
    elsewhere.parent.mkdir()
    split.rename(elsewhere)
    split.symlink_to(elsewhere)
    assert len(open_dataset(str(split)).clips) == 3
