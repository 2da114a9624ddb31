"""The masks beside the videos of a list: what is not surely a mask of the object is refused."""

import numpy as np
import pytest
from PIL import Image

from imap_fast.evaluate.datasets import video_list
from imap_fast.video import Clip
from tests.evaluate.folders import write_json
from tests.video.media import draw_frames

RECORD = {"video_path": "a/cat.mp4", "caption": "a cat jumps", "concepts": ["cat", "jumps"], "object": "cat"}


@pytest.fixture
def listed(tmp_path):
    """A function that gives the data set of a list of records, and the folder of the masks of its video."""
    (tmp_path / "a").mkdir()
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "a" / "cat.mp4")
    masks = tmp_path / "masks" / "cat"
    masks.mkdir(parents=True)
    return lambda *records: video_list(write_json(tmp_path / "list.json", records)), masks


@pytest.mark.parametrize("change", [{"video_path": "b/cat.mp4"}, {"video_path": "cat.avi"}, {"object": "dog"}], ids=str)
def test_masks_are_not_those_of_two_videos_or_objects(listed, change):
    read, masks = listed
    twice = read(RECORD, {**RECORD, "video_path": "a/./cat.mp4", "object": " Cat ", "concepts": ["purrs"]})
    assert len(twice.clips) == 2
    with pytest.raises(ValueError, match=f"records 0 and 2 are of other videos or objects, and {masks} would be"):
        read(RECORD, RECORD, RECORD | change)
    without_object = {key: value for key, value in (RECORD | change).items() if key != "object"}
    assert len(read(RECORD, without_object).clips) == 2
    masks.rmdir()
    assert len(read(RECORD, RECORD | change).clips) == 2


@pytest.mark.parametrize("name", ["background", " Background"])
def test_the_background_is_no_object_of_a_list(listed, name):
    with pytest.raises(
        ValueError, match=f"record 1 has the object '{name.strip()}', which is always measured; name another"
    ):
        listed[0](RECORD, {**RECORD, "object": name})


def test_masks_of_one_number_are_refused(listed):
    read, masks = listed
    for name in ("3.png", "003.PNG"):
        Image.new("L", (48, 32), 255).save(masks / name)
    with pytest.raises(ValueError, match=r"003\.PNG and 3\.png have the same place among the frames"):
        read(RECORD).clips["0000-cat.mp4"]()


def square(colour, beside, dtype=np.uint8):
    """A mask `[32, 48]` or `[32, 48, channels]` of a square of 16 pixels."""
    pixels = np.full((32, 48, *np.shape(colour)), beside, dtype)
    pixels[8:12, 8:12] = colour
    return pixels


def palette(*colours):
    picture = Image.fromarray(square(1, 0)).convert("P")
    picture.putpalette([value for colour in colours for value in colour])
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(square((0, 0, 1), 0)),
        Image.fromarray(square((255, 0, 0), 0)),
        Image.fromarray(square(1, 0)),
        Image.fromarray(square(300, 0, np.uint16)),
        Image.fromarray(square(255, 0)).convert("1"),
        palette((0, 0, 0), (0, 0, 1)),
    ],
    ids=["blue", "red", "grey", "16 bits", "1 bit", "palette"],
)
def test_what_is_not_black_is_the_object(listed, picture):
    read, masks = listed
    picture.save(masks / "3.png")
    np.testing.assert_array_equal(read(RECORD).clips["0000-cat.mp4"]().truths[0].mask[0], square(True, False, bool))


@pytest.mark.parametrize(
    ("picture", "options", "says"),
    [
        (Image.fromarray(square((0, 0, 0, 255), 0)), {}, "the mode RGBA; give an opaque mask"),
        (Image.fromarray(square((255, 255), (255, 0))), {}, "the mode LA; give an opaque mask"),
        (palette((0, 0, 0), (9, 9, 9)), {"transparency": 0}, "transparency; give an opaque mask"),
        (Image.fromarray(square(1, 0)), {"transparency": 0}, "transparency; give an opaque mask"),
        (palette((255, 255, 255), (0, 0, 0)), {}, "a palette whose first colour is not black; make 0 the background"),
    ],
    ids=["RGBA", "LA", "palette", "grey", "white"],
)
def test_masks_that_may_mean_the_opposite_are_refused(listed, picture, options, says):
    read, masks = listed
    picture.save(masks / "3.png", **options)
    with pytest.raises(ValueError, match=rf"3\.png has {says}"):
        read(RECORD).clips["0000-cat.mp4"]()


def test_a_name_that_no_file_can_have_does_not_stop_the_list(listed):
    assert len(listed[0](RECORD, {**RECORD, "video_path": f"{'a' * 5000}.mp4"}).clips) == 2
