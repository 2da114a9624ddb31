"""Which files are the frames and masks of a clip, in which order, and which are refused."""

import numpy as np
import pytest
from PIL import Image

from imap_fast.evaluate.datasets import open_dataset, palette_masks
from imap_fast.evaluate.datasets.pictures import pictures_in, read_picture
from tests.evaluate.folders import CAPTIONS, davis, write_json

BEAR = "JPEGImages/480p/bear", "Annotations/480p/bear"


@pytest.fixture
def bear(tmp_path):
    """The folders of the frames and masks of a clip, and a function that reads it."""
    davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", {"bear": CAPTIONS["bear"]})
    return *(tmp_path / folder for folder in BEAR), palette_masks(tmp_path, captions=captions).clips["bear"]


def rename(folder, name):
    """Give each picture in a folder a new name by its number."""
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"{name(number)}{file.suffix}")


@pytest.mark.parametrize("name", [lambda number: f"{number + 5}", lambda number: f"take 2 shot{5 * number} b"])
def test_frames_are_in_the_order_of_the_numbers_in_their_names(bear, name):
    frames, masks, read = bear
    before = read()
    rename(frames, name)
    rename(masks, name)
    np.testing.assert_array_equal(read().clip.frames, before.clip.frames)
    np.testing.assert_array_equal(read().truths[0].mask, before.truths[0].mask)
    assert read().annotated.tolist() == before.annotated.tolist()


def test_suffixes_are_read_in_any_case(bear):
    frames, masks, read = bear
    before = read()
    for number, suffix in ((2, "JPG"), (3, "jpeg"), (4, "Jpeg")):
        (frames / f"{number:05d}.jpg").rename(frames / f"{number:05d}.{suffix}")
    (masks / "00003.png").rename(masks / "00003.PNG")
    np.testing.assert_array_equal(read().clip.frames, before.clip.frames)
    np.testing.assert_array_equal(read().truths[0].mask, before.truths[0].mask)


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".png", ".PNG"])
def test_a_data_set_is_found_by_frames_with_any_suffix(tmp_path, suffix):
    davis(tmp_path)
    for frame in (tmp_path / "JPEGImages").glob("*/*/*"):
        frame.rename(frame.with_suffix(suffix))
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    assert len(open_dataset(str(tmp_path), captions=captions).clips["dogs"]().clip.frames) == 9


@pytest.mark.parametrize(
    ("folder", "name", "twin"),
    [
        (0, "00003.jpg", "00003.JPG"),
        (0, "00003.jpg", "00003.jpeg"),
        (0, "00003.jpg", "3.jpg"),
        (1, "00003.png", "3.png"),
    ],
)
def test_two_pictures_of_one_place_are_refused(bear, folder, name, twin):
    (bear[folder] / twin).write_bytes((bear[folder] / name).read_bytes())
    with pytest.raises(ValueError, match=f"{name[:5]}.* have the same place among the frames; remove one of them"):
        bear[-1]()


def test_a_mask_without_a_frame_is_refused(bear):
    frames, masks, read = bear
    (frames / "00004.jpg").unlink()
    with pytest.raises(ValueError, match=rf"{masks}/00004\.png is the mask of no frame in {frames}; copy its frame"):
        read()


def test_ten_comes_after_nine(tmp_path):
    for number in range(1, 13):
        Image.new("L", (24, 16), 10 * number).save(tmp_path / f"{number}.png")
    expected = [f"{number}.png" for number in range(1, 13)]
    assert [file.name for file in pictures_in(tmp_path, (".png",))] == expected


def test_what_is_no_frame_or_mask_is_left_out_and_named(tmp_path):
    davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", {"bear": CAPTIONS["bear"]})
    whole = palette_masks(tmp_path, captions=captions)
    before, digest = whole.clips["bear"](), whole.digest("bear")
    assert whole.skipped(whole.clips) == {}
    frames, masks = (tmp_path / folder for folder in BEAR)
    left_out = [
        frames / "._00000.jpg",
        frames / ".DS_Store",
        frames / "Thumbs.db",
        masks / "._00000.png",
        masks / "a.txt",
    ]
    for file in left_out:
        file.write_bytes(b"\0\5\x16\7 no picture")
    dataset = palette_masks(tmp_path, captions=captions)
    np.testing.assert_array_equal(dataset.clips["bear"]().clip.frames, before.clip.frames)
    np.testing.assert_array_equal(dataset.clips["bear"]().truths[0].mask, before.truths[0].mask)
    assert dataset.digest("bear") == digest
    (skipped,) = dataset.skipped(dataset.clips).items()
    names = sorted(file.relative_to(tmp_path).as_posix() for file in left_out)
    assert skipped == ("files that are no frame or mask", names)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_picture_to_be_shown_rotated_is_refused(tmp_path, suffix):
    picture = Image.new("L", (4, 4))
    exif = picture.getexif()
    for orientation in range(9):
        exif[274] = orientation
        picture.save(tmp_path / f"a.{suffix}", exif=exif)
        if orientation < 2:
            read_picture(tmp_path / f"a.{suffix}")
            continue
        with pytest.raises(ValueError, match=rf"a\.{suffix} has the EXIF orientation {orientation}; rotate its pixels"):
            read_picture(tmp_path / f"a.{suffix}")


def test_frames_that_are_no_clip_are_named(bear):
    frames, _, read = bear
    (frames / "00003.jpg").unlink()
    Image.fromarray(np.zeros((16, 24), np.uint16)).save(frames / "00003.png")
    with pytest.raises(ValueError, match=r"00003\.png has the mode I;16, whose range is unknown; convert it to 8 bits"):
        read()
    Image.new("RGB", (30, 16)).save(frames / "00003.png")
    with pytest.raises(ValueError, match=r"00003\.png is 30 × 16 and 00000\.jpg 24 × 16; give frames of one size"):
        read()


@pytest.mark.parametrize("helper", [".AppleDouble", "@eaDir"])
def test_a_folder_of_thumbnails_is_no_clip(bear, tmp_path, helper):
    thumbnails = tmp_path / "JPEGImages" / helper
    thumbnails.mkdir()
    Image.new("RGB", (8, 8)).save(thumbnails / "0.jpg")
    Image.new("RGB", (8, 8)).save(thumbnails.parent / "480p" / "cover.jpg")
    dataset = open_dataset(str(tmp_path), captions=tmp_path / "captions.json")
    assert list(dataset.clips) == ["bear"]
    assert dataset.clips["bear"]().truths[0].mask.any()


def test_names_are_the_same_in_each_unicode_form(bear, tmp_path):
    frames, masks, _ = bear
    rename(frames, lambda number: f"caf\u00e9{number}")
    rename(masks, lambda number: f"cafe\u0301{number}")
    frames.rename(frames.parent / "Z\u00fcrich")
    masks.rename(masks.parent / "Z\u00fcrich")
    captions = write_json(tmp_path / "captions.json", {"Zu\u0308rich": CAPTIONS["bear"]})
    (read,) = palette_masks(tmp_path, captions=captions).clips.values()
    assert read().truths[0].mask.any()


def test_a_mask_that_is_hardly_there_is_of_another_shape(bear):
    _, masks, read = bear
    Image.new("L", (1, 1)).save(masks / "00003.png")
    with pytest.raises(ValueError, match=r"00003\.png is \[1, 1\] and its frame \[16, 24\], which is another shape"):
        read()
