"""Masks however they are saved: which pixel is which object, and which is void."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imap_fast.evaluate.datasets import palette_masks, video_list
from imap_fast.evaluate.datasets.mask_numbers import read_numbers
from imap_fast.video import Clip
from tests.evaluate.folders import CAPTIONS, davis, write_json
from tests.video.media import draw_frames

SIZE = 6, 8

NUMBERS = np.zeros((2, *SIZE), np.int64)
NUMBERS[0, 1:3, 1:3], NUMBERS[0, 4, :5], NUMBERS[1, 2:5, 4:7] = 1, 2, 1
"""Two objects in one mask, one of them in the next."""

VOID = np.zeros(NUMBERS.shape, bool)
VOID[0, 0, :], VOID[1, 5, 2:] = True, True


def with_palette(pixels, *white):
    picture = Image.fromarray(pixels.astype(np.uint8)).convert("P")
    colours = [[0, 0, 0], [128, 0, 0], [0, 128, 0], *([number, 0, 9] for number in range(3, 255)), [224, 224, 192]]
    for number in white:
        colours[number] = [255, 255, 255]
    picture.putpalette([part for colour in colours for part in colour])
    return picture


def coloured(pixels, *colours):
    return Image.fromarray(np.array(colours, np.uint8)[pixels])


@pytest.fixture
def read(tmp_path):
    """A function that saves masks and reads their numbers, and where they are void."""

    def read(pictures, named=(1, 2), size=SIZE, **options):
        files = [tmp_path / f"{number}.png" for number in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            picture.save(file)
        return read_numbers(files, size, named, **options)

    return read


WITH_VOID = np.where(VOID, 255, NUMBERS)
WITH_DEEP_VOID = np.where(VOID, 65_535, NUMBERS)
DAVIS_COLOURS = (0, 0, 0), (128, 0, 0), (0, 128, 0), (224, 224, 192)
OWN_COLOURS = (0, 0, 0), (10, 200, 0), (250, 0, 0)


@pytest.mark.parametrize(
    ("pictures", "void"),
    [
        ([with_palette(each) for each in NUMBERS], None),
        ([with_palette(each) for each in WITH_VOID], VOID),
        ([Image.fromarray(each.astype(np.uint8)) for each in NUMBERS], None),
        ([Image.fromarray(each.astype(np.uint8)) for each in WITH_VOID], VOID),
        ([Image.fromarray(each.astype(np.uint16)) for each in WITH_VOID], VOID),
        ([Image.fromarray(each.astype(np.uint16)) for each in WITH_DEEP_VOID], VOID),
        ([with_palette(WITH_VOID[0]), Image.fromarray(WITH_VOID[1].astype(np.uint8))], VOID),
        ([coloured(np.where(VOID, 3, NUMBERS)[i], *DAVIS_COLOURS) for i in (0, 1)], VOID),
        ([coloured(each, *OWN_COLOURS) for each in NUMBERS], None),
        ([coloured(each, *OWN_COLOURS).convert("RGBA") for each in NUMBERS], None),
    ],
    ids=["P", "P void", "L", "L void", "16 bits, 255", "16 bits, 65535", "P and L", "DAVIS RGB", "RGB", "RGBA"],
)
def test_objects_have_their_numbers_and_void_is_none(read, pictures, void):
    numbers, found = read(pictures)
    np.testing.assert_array_equal(numbers, np.where(VOID if void is not None else False, 0, NUMBERS))
    np.testing.assert_array_equal(found, np.zeros_like(VOID) if void is None else void)


ONE = NUMBERS == 1


@pytest.mark.parametrize(
    "pictures",
    [
        [Image.fromarray((255 * each).astype(np.uint8)) for each in ONE],
        [Image.fromarray(each) for each in ONE],
        [Image.fromarray(ONE[0]), Image.fromarray((255 * ONE[1]).astype(np.uint8))],
        [Image.fromarray((65_535 * each).astype(np.uint16)) for each in ONE],
        [Image.fromarray((255 * each).astype(np.uint16)) for each in ONE],
        [with_palette(255 * each, 255) for each in ONE],
        [coloured(each.astype(int), (0, 0, 0), (255, 255, 255)) for each in ONE],
        [coloured(each.astype(int), (0, 0, 0), (3, 2, 1)) for each in ONE],
    ],
    ids=["L", "1", "1 and L", "16 bits", "16 bits, 255", "P", "RGB", "one colour"],
)
def test_white_is_object_1_where_there_is_nothing_else(read, pictures):
    numbers, void = read(pictures, (1,))
    np.testing.assert_array_equal(numbers, ONE)
    assert not void.any()


def test_the_void_colour_of_a_palette_is_no_object(read):
    numbers, void = read([with_palette(255 * each) for each in ONE], (1,))
    assert not numbers.any()
    np.testing.assert_array_equal(void, ONE)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_number_with_a_name_is_not_void(read, kind):
    numbers, void = read([Image.fromarray((255 * each).astype(kind)) for each in ONE], (255,))
    np.testing.assert_array_equal(numbers, 255 * ONE)
    assert not void.any()


def test_sixteen_bits_hold_many_objects(read):
    numbers, _ = read([Image.fromarray((300 * each + 700 * (each == 0)).astype(np.uint16)) for each in NUMBERS], (300,))
    np.testing.assert_array_equal(numbers, 300 * NUMBERS + 700 * (NUMBERS == 0))


def test_labels_are_numbers_in_any_case(read):
    masks = [Image.fromarray((255 * each).astype(np.uint8)) for each in ONE]
    numbers, void = read(masks, (), are_labels=True)
    assert not numbers.any()
    np.testing.assert_array_equal(void, ONE)
    with pytest.raises(ValueError, match=r"0\.png has the mode RGB; give opaque masks, grey, or with a palette"):
        read([each.convert("RGB") for each in masks], (), are_labels=True)


def test_colours_are_in_ascending_order_over_the_clip_not_over_a_mask(read):
    first = coloured(ONE[0].astype(int), (0, 0, 0), (9, 9, 9))
    second = coloured(ONE[1].astype(int), (0, 0, 0), (9, 8, 200))
    numbers, _ = read([first, second])
    np.testing.assert_array_equal(numbers, np.stack([2 * ONE[0], ONE[1]]))


def test_the_colours_of_davis_are_known_as_it_writes_them(read):
    colours = (0, 0, 0), (191, 0, 0), (192, 128, 0)
    numbers, _ = read([coloured(each, *colours) for each in NUMBERS])
    np.testing.assert_array_equal(numbers, np.array([0, 9, 11])[NUMBERS])


@pytest.mark.parametrize(
    ("pictures", "says"),
    [
        ([coloured(NUMBERS[0], *OWN_COLOURS), with_palette(NUMBERS[1])], r"0\.png is RGB and 1\.png is not; save all"),
        ([Image.new("LA", (8, 6))], r"0\.png has the mode LA; give opaque masks, grey, RGB, or with a palette"),
        ([Image.new("RGBA", (8, 6), (1, 2, 3, 9))], r"0\.png has the mode RGBA; give opaque masks"),
        (
            [Image.fromarray(np.arange(900, dtype=np.uint8).reshape(15, 20, 3))],
            "have values that no object has, such as 256; give masks that were neither smoothed",
        ),
        (
            [Image.fromarray(ONE[0]), Image.fromarray(NUMBERS[1].astype(np.uint8))],
            r"0\.png is black and white and 1\.png",
        ),
    ],
    ids=["mixed", "LA", "RGBA", "smooth", "1 and numbers"],
)
def test_masks_that_say_no_number_are_refused(read, pictures, says):
    with pytest.raises(ValueError, match=says):
        read(pictures, size=pictures[0].size[::-1])


def test_masks_of_another_size_take_the_nearest_pixel(read):
    doubled = [with_palette(np.kron(each, np.ones((2, 2), int))) for each in WITH_VOID]
    for size, pictures in ((SIZE, doubled), ((12, 16), [with_palette(each) for each in WITH_VOID])):
        numbers, void = read(pictures, size=size)
        scale = size[0] // SIZE[0]
        block = np.ones((1, scale, scale), int)
        np.testing.assert_array_equal(numbers, np.kron(np.where(VOID, 0, NUMBERS), block))
        np.testing.assert_array_equal(void, np.kron(VOID, block))


@pytest.mark.parametrize(
    ("mask", "frame"), [((480, 854), (1080, 1920)), ((1080, 1920), (480, 854)), ((480, 853), (1080, 1920))]
)
def test_a_rounded_side_is_no_other_shape(read, mask, frame):
    numbers, _ = read([Image.fromarray(np.ones(mask, np.uint8))], size=frame)
    assert numbers.shape == (1, *frame)
    assert numbers.all()


@pytest.mark.parametrize(
    ("mask", "frame"), [((480, 854), (480, 640)), ((480, 848), (1080, 1920)), ((854, 480), (480, 854))]
)
def test_masks_of_another_shape_are_refused(read, mask, frame):
    with pytest.raises(
        ValueError, match=rf"0\.png is \[{mask[0]}, {mask[1]}\] and its frame .*, which is another shape"
    ):
        read([Image.fromarray(np.ones(mask, np.uint8))], size=frame)


def test_davis_2016_shows_its_only_object(tmp_path):
    davis(tmp_path)
    folder = tmp_path / "Annotations/480p/bear"
    masks = []
    for file in sorted(folder.iterdir()):
        masks.append(np.asarray(Image.open(file)) == 1)
        Image.fromarray((255 * masks[-1]).astype(np.uint8)).save(file)
    captions = write_json(tmp_path / "captions.json", {"bear": CAPTIONS["bear"]})
    example = palette_masks(tmp_path, captions=captions).clips["bear"]()
    np.testing.assert_array_equal(example.truths[0].mask, np.stack(masks))
    assert example.void is None
    two = {"bear": {"caption": "two bears", "concepts": {"1": "bear", "2": "cub"}}}
    with pytest.raises(ValueError, match=r"shows the objects \[1\], and 'cub' is number 2; correct its number"):
        palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", two)).clips["bear"]()


def test_void_of_davis_2017_is_void_of_the_example(tmp_path):
    davis(tmp_path)
    file = tmp_path / "Annotations/480p/dogs/00003.png"
    pixels = np.array(Image.open(file))
    pixels[0, :5] = 255
    with_palette(pixels).save(file)
    captions = write_json(tmp_path / "captions.json", {"dogs": CAPTIONS["dogs"]})
    example = palette_masks(tmp_path, captions=captions).clips["dogs"]()
    expected = np.zeros((9, 16, 24), bool)
    expected[3, 0, :5] = True
    np.testing.assert_array_equal(example.void, expected)
    assert not any((truth.mask & expected).any() for truth in example.truths)


def test_the_masks_of_a_list_are_fitted_too(tmp_path):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    mask = np.zeros((16, 24), np.uint8)
    mask[2:5, 3:9] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "cat" / "3.png")
    record = {"video_path": "cat.mp4", "caption": "a cat", "concepts": ["cat"], "object": "cat"}
    (read,) = video_list(write_json(tmp_path / "list.json", [record])).clips.values()
    np.testing.assert_array_equal(read().truths[0].mask[0], np.kron(mask, np.ones((2, 2), np.uint8)) > 0)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("how", ["resized", "JPEG"])
def test_a_white_object_that_was_smoothed_is_refused(read, how, mode):
    """The grey pixels of its edge are no objects, and it is not void."""
    white = Image.fromarray(np.kron(255 * ONE[0], np.ones((7, 7))).astype(np.uint8))
    if how == "JPEG":
        file = BytesIO()
        white.save(file, "JPEG", quality=75)
        smoothed = Image.open(file)
    else:
        smoothed = white.resize((96, 72), Image.Resampling.LANCZOS)
    with pytest.raises(ValueError, match=r"values that no object has, such as \d+; give masks that were neither"):
        read([smoothed.convert(mode)], named=(1,), size=smoothed.size[::-1])


def test_grey_that_is_saved_as_rgb_is_grey(read):
    numbers, void = read([Image.fromarray(each.astype(np.uint8)).convert("RGB") for each in WITH_VOID])
    np.testing.assert_array_equal(numbers, np.where(VOID, 0, NUMBERS))
    np.testing.assert_array_equal(void, VOID)


def test_the_void_of_davis_is_void_beside_any_colours(read):
    colours = (0, 0, 0), (255, 255, 255), (9, 8, 7), (224, 224, 192)
    numbers, void = read([coloured(each, *colours) for each in np.where(VOID, 3, NUMBERS)])
    np.testing.assert_array_equal(numbers, np.where(VOID, 0, np.array([0, 2, 1])[NUMBERS]))
    np.testing.assert_array_equal(void, VOID)
