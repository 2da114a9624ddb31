"""VSPW: labels of every pixel."""

import numpy as np
import pytest
from PIL import Image

from imap_fast.evaluate.datasets import open_dataset, vspw
from tests.evaluate import layouts
from tests.evaluate.folders import write_json


def test_each_label_that_is_shown_is_a_concept_and_the_rest_is_void(tmp_path):
    dataset = vspw(layouts.vspw(tmp_path))
    assert list(dataset.clips) == ["1_b"]
    example = dataset.clips["1_b"]()
    assert example.caption == "wall, traffic light, person"
    assert example.concepts == ("wall", "traffic light", "person", "background")
    labels = layouts.labels_of()
    for truth, number in zip(example.truths, (1, 2, 61), strict=True):
        np.testing.assert_array_equal(truth.mask, labels == number)
    np.testing.assert_array_equal(example.void, (labels == 0) | (labels == 255))
    assert dataset.skipped(dataset.clips) == {}


def test_the_folder_is_its_only_list_or_everything(tmp_path):
    listed = layouts.vspw(tmp_path)
    with pytest.raises(ValueError, match=f"has several splits; give one: {tmp_path / 'train.txt'}, {listed}$"):
        open_dataset(str(tmp_path))
    assert list(open_dataset(str(listed)).clips) == ["1_b"]
    (tmp_path / "train.txt").unlink()
    assert list(open_dataset(str(tmp_path)).clips) == ["1_b"]
    listed.unlink()
    assert list(open_dataset(str(tmp_path)).clips) == ["0_a", "1_b"]


def test_labels_can_be_replaced(tmp_path):
    listed = layouts.vspw(tmp_path)
    concepts = write_json(tmp_path / "concepts.json", {"traffic_light": "lamp", "person": "wall"})
    example = vspw(listed, concepts=concepts).clips["1_b"]()
    assert example.concepts == ("wall", "lamp", "background")
    labels = layouts.labels_of()
    np.testing.assert_array_equal(example.truths[0].mask, (labels == 1) | (labels == 61))
    assert vspw(listed, concepts=concepts).source != vspw(listed).source


def test_captions_choose_clips_and_labels(tmp_path):
    layouts.vspw(tmp_path)
    captions = {"1_b": {"caption": "a lamp at a wall", "concepts": {"2": "lamp"}}}
    dataset = vspw(tmp_path / "val.txt", captions=write_json(tmp_path / "captions.json", captions))
    example = dataset.clips["1_b"]()
    assert (example.caption, example.concepts) == ("a lamp at a wall", ("lamp", "background"))
    with pytest.raises(ValueError, match=r"names the clip '1_b', which .*train\.txt does not hold"):
        vspw(tmp_path / "train.txt", captions=tmp_path / "captions.json")


def test_clips_that_are_listed_and_not_there_are_named(tmp_path):
    listed = layouts.vspw(tmp_path)
    listed.write_text("1_b\n../data/0_a\ngone 17\n\n")
    dataset = vspw(listed)
    assert list(dataset.clips) == ["1_b"]
    assert dataset.skipped(dataset.clips) == {"described videos that are not there": ["../data/0_a", "gone"]}


def test_masks_of_void_and_background_alone_show_no_wall(tmp_path):
    listed = layouts.vspw(tmp_path)
    for file in (tmp_path / "data/1_b/mask").iterdir():
        Image.fromarray((255 * (layouts.labels_of()[0] == 1)).astype(np.uint8)).save(file)
    with pytest.raises(ValueError, match="shows none of the labels that have a name"):
        vspw(listed).clips["1_b"]()


def test_a_label_without_a_name_is_refused(tmp_path):
    listed = layouts.vspw(tmp_path)
    write_json(tmp_path / "label_num_dic_final.json", {"others": 0, "wall": 1, "person": 61})
    with pytest.raises(ValueError, match=r"shows the label 2, which label_num_dic_final\.json does not name"):
        vspw(listed).clips["1_b"]()


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"wall": "one"}, "gives 'wall' no number of its own from 0 to 65535"),
        ({"wall": -1}, "gives 'wall' no number of its own"),
        ({"wall": None}, "gives 'wall' no number of its own"),
        ({"wall": 1, "sky": "1"}, "gives 'sky' no number of its own"),
        ({"background": 1}, "has the label 'background', which can name nothing; say what to look for with concepts"),
        ({"": 1}, "has the label '', which can name nothing"),
    ],
    ids=str,
)
def test_a_broken_list_of_labels_is_refused_at_once(tmp_path, labels, says):
    listed = layouts.vspw(tmp_path)
    write_json(tmp_path / "label_num_dic_final.json", labels)
    with pytest.raises(ValueError, match=rf"label_num_dic_final\.json {says}"):
        vspw(listed)


def test_what_is_missing_is_named(tmp_path):
    listed = layouts.vspw(tmp_path)
    (tmp_path / "label_num_dic_final.json").rename(tmp_path / "labels")
    with pytest.raises(ValueError, match=r"label_num_dic_final\.json is missing, which names the labels of VSPW"):
        vspw(listed)
    (tmp_path / "labels").rename(tmp_path / "label_num_dic_final.json")
    listed.write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"val\.txt cannot be read as a list of clips"):
        vspw(listed)
    listed.write_text("gone\n")
    with pytest.raises(ValueError, match="has no clip with the folders origin and mask"):
        vspw(listed)


def test_a_hidden_folder_is_no_clip(tmp_path):
    layouts.vspw(tmp_path)
    for name in ("train.txt", "val.txt"):
        (tmp_path / name).unlink()
    (tmp_path / "data" / "0_a").rename(tmp_path / "data" / ".0_a")
    assert list(vspw(tmp_path).clips) == ["1_b"]
