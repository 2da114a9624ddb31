"""MeViS: expressions of motion, whose masks are run lengths in one file."""

import json

import numpy as np
import pytest

from imap_fast.evaluate.datasets import mevis, open_dataset
from tests.evaluate import layouts
from tests.evaluate.folders import masks_of, write_json


@pytest.fixture
def split(tmp_path):
    return layouts.mevis(tmp_path)


@pytest.fixture
def change(split):
    """A function that changes the masks, or the expressions, of the split."""

    def change(edit, name="mask_dict.json"):
        content = json.loads((split / name).read_text())
        edit(content)
        write_json(split / name, content)

    return change


def test_each_expression_is_a_clip_with_the_masks_of_all_its_objects(split):
    dataset = mevis(split)
    assert list(dataset.clips) == ["dogs-0", "dogs-1"]
    dogs, ball = (read() for read in dataset.clips.values())
    assert (dogs.caption, dogs.concepts) == ("dogs chasing a ball", ("dogs", "background"))
    assert (ball.caption, ball.concepts) == ("ball rolling to the right", ("ball", "background"))
    masks = masks_of("dogs")
    expected = (masks == 1) | (masks == 3)
    expected[:2] = masks[:2] == 1  # the other dog is not seen yet
    np.testing.assert_array_equal(dogs.truths[0].mask, expected)
    np.testing.assert_array_equal(ball.truths[0].mask, masks == 2)
    assert dogs.annotated.tolist() == list(range(9))
    assert dogs.void is None
    assert dataset.skipped(dataset.clips) == {}


def test_the_split_with_masks_is_found_and_the_other_one_refused(split):
    assert open_dataset(str(split.parent)).source == mevis(split).source
    with pytest.raises(ValueError, match=r"valid has no mask_dict\.json, so nothing can be measured; give train or"):
        open_dataset(str(split.parent / "valid"))
    with pytest.raises(ValueError, match="has captions of its own, the expressions of MeViS; omit captions"):
        open_dataset(str(split), captions=split / "mask_dict.json")


def test_the_file_of_masks_is_read_once(split, monkeypatch):
    dataset = mevis(split)
    (split / "mask_dict.json").unlink()
    for read in dataset.clips.values():
        read()


def test_other_masks_are_another_data_set(split, change):
    before = mevis(split).source
    change(lambda masks: masks["7"].reverse())
    assert mevis(split).source != before


def test_frames_are_those_of_the_list_in_the_order_of_their_names(split, change):
    before = mevis(split).clips["dogs-0"]().clip.frames
    (split / "JPEGImages/dogs/00009.jpg").write_bytes((split / "JPEGImages/dogs/00000.jpg").read_bytes())
    change(lambda content: content["videos"]["dogs"]["frames"].reverse(), "meta_expressions.json")
    dataset = mevis(split)
    np.testing.assert_array_equal(dataset.clips["dogs-0"]().clip.frames, before)
    np.testing.assert_array_equal(dataset.clips["dogs-1"]().truths[0].mask, masks_of("dogs") == 2)
    assert dataset.skipped(dataset.clips) == {"files that are no frame or mask": ["JPEGImages/dogs/00009.jpg"]}


BAD_RLES = (
    ({"size": [9, 9], "counts": "1"}, r"a mask has the size \[9, 9\], and its frame \[16, 24\]"),
    ({"size": [16, 24], "counts": "?"}, "the counts of a mask do not fill it"),
    ({"size": [16, 24], "counts": [-1, 385]}, "the counts of a mask do not fill it"),
    ("x", "a mask is no"),
)


@pytest.mark.parametrize(("rle", "says"), BAD_RLES, ids=lambda value: str(value)[:30])
def test_a_broken_mask_is_named_and_does_not_stop_the_others(split, change, rle, says):
    change(lambda masks: masks["7"].__setitem__(4, rle))
    dataset = mevis(split)
    with pytest.raises(ValueError, match=rf"mask_dict\.json: {says}.* \(annotation 7, frame 00004\); copy it again"):
        dataset.clips["dogs-0"]()
    dataset.clips["dogs-1"]()


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda masks: masks.pop("7"), "has no masks of the annotation 7, and its video has 9 frames"),
        (lambda masks: masks["7"].pop(), "has 8 masks of the annotation 7, and its video has 9 frames"),
        (lambda masks: masks.update({"7": {}}), "has no masks of the annotation 7, and its video has 9 frames"),
        (
            lambda masks: masks.update({"7": [None] * 9, "9": [None] * 9}),
            "shows the expression .* in no frame of 'dogs'",
        ),
    ],
    ids=["gone", "short", "another form", "never seen"],
)
def test_masks_that_do_not_fit_the_frames_are_named(split, change, edit, says):
    change(edit)
    dataset = mevis(split)
    with pytest.raises(ValueError, match=rf"mask_dict\.json {says}"):
        dataset.clips["dogs-0"]()
    dataset.clips["dogs-1"]()


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (["00000", "00000"], "names no frames of 'dogs', or one twice"),
        ([], "names no frames of 'dogs', or one twice"),
        (["00000", "00099"], r"00099\.jpg is missing; copy it again"),
    ],
    ids=str,
)
def test_frames_that_are_not_there_are_named(split, change, frames, says):
    change(lambda content: content["videos"]["dogs"].update(frames=frames), "meta_expressions.json")
    with pytest.raises(ValueError, match=says):
        mevis(split).clips["dogs-0"]()


def test_a_frame_that_leads_elsewhere_is_refused(split, change):
    change(lambda content: content["videos"]["dogs"].update(frames=["../../../secret"]), "meta_expressions.json")
    with pytest.raises(ValueError, match=r"'\.\./\.\./\.\./secret' is no name of a video or a frame"):
        mevis(split)


@pytest.mark.parametrize("content", ["{", "[]", '{"7": 1, "7": 2}'])
def test_a_broken_file_of_masks_is_refused_at_once(split, content):
    (split / "mask_dict.json").write_text(content)
    with pytest.raises(ValueError, match=r"mask_dict\.json (cannot be read as JSON|holds a JSON list)"):
        mevis(split)


def test_a_file_of_masks_may_be_larger_than_others_and_not_endless(split):
    with (split / "mask_dict.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="is larger than 2048 MiB"):
        mevis(split)
