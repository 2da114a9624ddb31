"""The names and numbers of objects: what cannot be what is meant is refused."""

import json

import pytest

from imap_fast.evaluate.datasets import palette_masks
from tests.evaluate.folders import CAPTIONS, davis, write_json, youtube_vos


@pytest.fixture
def describe(tmp_path):
    """A function that describes the objects of the clip "dogs", and gives the data set."""
    davis(tmp_path)

    def write(concepts):
        texts = {"dogs": {"caption": "dogs", "concepts": concepts}}
        return palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", texts))

    return write


def test_an_object_that_no_mask_shows_is_refused(describe):
    with pytest.raises(ValueError, match=r"shows the objects \[1, 2, 3\], and 'cat' is number 4; correct its number"):
        describe({"1": "dog", "4": "cat"}).clips["dogs"]()


NOT_OBJECTS = (
    {"0": "dog"},
    {"65536": "dog"},
    {"-1": "dog"},
    {"1": "dog", "01": "cat"},
    {"1": "dog", "2": " BackGround"},
)


@pytest.mark.parametrize("concepts", NOT_OBJECTS, ids=str)
def test_numbers_and_names_that_are_no_object_are_refused(describe, concepts):
    with pytest.raises(
        ValueError, match=r"write 'dogs' like .*, in valid Unicode and with each number from 1 to 65535"
    ):
        describe(concepts)


@pytest.mark.parametrize("concepts", NOT_OBJECTS, ids=str)
def test_categories_that_are_no_object_are_refused(tmp_path, concepts):
    youtube_vos(tmp_path)
    objects = {number: {"category": name} for number, name in concepts.items()}
    write_json(tmp_path / "meta.json", {"videos": {"0043f083b5": {"objects": objects}}})
    with pytest.raises(ValueError, match=r"is not the meta\.json of YouTube-VOS .*each number from 1 to 65535"):
        palette_masks(tmp_path)


@pytest.mark.parametrize(
    ("content", "key"), [('{"a": {}, "a": {}}', "a"), ('{"a": {"concepts": {"1": "dog", "1": "cat"}}}', "1")]
)
def test_a_description_with_a_key_twice_is_refused(tmp_path, content, key):
    davis(tmp_path)
    (tmp_path / "captions.json").write_text(content)
    with pytest.raises(ValueError, match=rf"cannot be read as JSON \(an object has the key '{key}' twice\)"):
        palette_masks(tmp_path, captions=tmp_path / "captions.json")


def test_a_byte_order_mark_is_no_part_of_a_description(tmp_path):
    davis(tmp_path)
    (tmp_path / "captions.json").write_text(json.dumps(CAPTIONS), encoding="utf-8-sig")
    assert len(palette_masks(tmp_path, captions=tmp_path / "captions.json").clips) == 2
