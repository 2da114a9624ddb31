"""Files of masks are whole, and written in flat memory."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from imap_fast.masks.formats import FORMATS
from imap_fast.masks.masks import MaskFrame, Masks
from imap_fast.video.picture import ArrayPicture, TimedPicture
from tests.masks.clips import masks_of, stacked

SIDE = 256


def long_masks(count: int, fails_at: int | None = None) -> Masks:
    """Masks of as many frames as wanted, each made when it is read."""

    def frames(first):
        for number in range(first, count):
            if number == fails_at:
                raise OSError("the film broke")
            each = np.zeros((2, SIDE, SIDE), bool)
            each[number % 2, number % SIDE :] = True
            yield MaskFrame(each, number / 8)

    def pictures():
        for number in range(count):
            yield TimedPicture(ArrayPicture(np.full((SIDE, SIDE, 3), number % 256, np.uint8)), number / 8)

    return Masks(("cat", "dog"), count, SIDE, SIDE, 8.0, True, frames, pictures)


def peak(masks: Masks, path, format: str) -> int:
    tracemalloc.start()
    try:
        masks.save(path, format)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_memory_does_not_grow_with_the_frames(format, tmp_path):
    peak(long_masks(2), tmp_path / "warm.npz", format)  # imports
    few = peak(long_masks(8), tmp_path / "few.npz", format)
    many = peak(long_masks(72), tmp_path / "many.npz", format)
    # A frame's masks have 128 KiB, and 16 KiB as bits. What is kept of each is its name and its time.
    assert many < few + 64 * 2**10


@pytest.mark.slow
def test_masks_of_an_npz_are_read_in_flat_memory(tmp_path):
    long_masks(200).save(tmp_path / "masks.npz")
    tracemalloc.start()
    try:
        masks = Masks.load(tmp_path / "masks.npz")
        assert sum(1 for _ in masks.frames()) == 200
        assert tracemalloc.get_traced_memory()[1] < 3 * 2**20  # the bits of all have 3.2 MiB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format", FORMATS)
def test_an_error_in_the_middle_leaves_nothing(format, tmp_path):
    (tmp_path / "other.txt").write_text("stays")
    with pytest.raises(OSError, match="the film broke"):
        long_masks(4, fails_at=2).save(tmp_path / "made.npz", format)
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


@pytest.mark.parametrize("format", FORMATS)
def test_masks_that_end_early_or_late_are_refused(format, tmp_path):
    for count in (3, 5):
        with pytest.raises(ValueError, match="zip"):
            replace(long_masks(4), num_frames=count).save(tmp_path / "made.npz", format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "npz"])
def test_a_folder_that_exists_stays_as_it_is(format, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError, match="exists; remove it"):
            masks_of(np.zeros((1, 1, 2, 2), bool)).save(tmp_path / name, format)
    assert {path.name for path in tmp_path.iterdir()} == {"there", "link"}
    assert not list((tmp_path / "there").iterdir())


def test_a_failure_leaves_the_old_npz(tmp_path):
    pixels = np.ones((1, 1, 2, 2), bool)
    masks_of(pixels).save(tmp_path / "masks.npz")
    with pytest.raises(OSError, match="the film broke"):
        long_masks(4, fails_at=2).save(tmp_path / "masks.npz")
    np.testing.assert_array_equal(stacked(Masks.load(tmp_path / "masks.npz")), pixels)


def test_masks_of_a_file_can_replace_it(tmp_path):
    pixels = np.random.default_rng(0).random((3, 2, 5, 7)) < 0.5
    masks_of(pixels).save(tmp_path / "masks.npz")
    Masks.load(tmp_path / "masks.npz").save(tmp_path / "masks.npz")
    np.testing.assert_array_equal(stacked(Masks.load(tmp_path / "masks.npz")), pixels)


def test_missing_folders_are_made(tmp_path):
    masks_of(np.zeros((1, 1, 2, 2), bool)).save(tmp_path / "a" / "b", "davis", name="cat.mp4")
    assert (tmp_path / "a" / "b" / "Annotations" / "Full-Resolution" / "cat.mp4" / "00000.png").is_file()


def test_an_unknown_format_is_refused(tmp_path):
    masks = masks_of(np.zeros((1, 1, 2, 2), bool))
    with pytest.raises(ValueError, match="format='gif' is none of 'davis', 'youtube-vos'"):
        masks.save(tmp_path / "made", "gif")
    with pytest.raises(ValueError, match=r"one file, not 'made'; name it \.npz"):
        masks.save(tmp_path / "made")
