"""Run lengths of COCO: those of its own tool are read, and no others."""

import numpy as np
import pytest

from imap_fast.evaluate.datasets.rle import decode_rle
from tests.evaluate.layouts import rle_of


@pytest.mark.parametrize("share", [0, 0.01, 0.4, 0.99, 1])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 1), (31, 53), (400, 300)])
def test_masks_come_back(size, share):
    mask = np.random.default_rng(5).random(size) < share
    np.testing.assert_array_equal(decode_rle(rle_of(mask), size), mask)
    coarse = np.kron(mask, np.ones((20, 9), bool)) if size[0] < 50 else mask
    np.testing.assert_array_equal(decode_rle(rle_of(coarse), coarse.shape), coarse)


def test_lengths_may_be_a_list():
    expected = np.array([[False, True, False], [True, True, False]])
    np.testing.assert_array_equal(decode_rle({"size": [2, 3], "counts": [1, 3, 2]}, (2, 3)), expected)


@pytest.mark.parametrize(
    ("rle", "says"),
    [
        ("abc", "a mask is no"),
        ({"size": [2, 3]}, "a mask is no"),
        ({"size": [3, 2], "counts": "123"}, r"a mask has the size \[3, 2\], and its frame \[2, 3\]"),
        ({"size": "9" * 999, "counts": "123"}, "a mask has the size 9{40}, and"),
        ({"size": [2, 3], "counts": [1, -3, 8]}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": [1, 2]}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": [7]}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": []}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": [2**80]}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": [6.0]}, "neither text nor whole numbers"),
        ({"size": [2, 3], "counts": [True, 5]}, "neither text nor whole numbers"),
        ({"size": [2, 3], "counts": None}, "neither text nor whole numbers"),
        ({"size": [2, 3], "counts": ""}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": "O6"}, "the counts of a mask do not fill it"),
        ({"size": [2, 3], "counts": "P"}, "end within a number"),
        ({"size": [2, 3], "counts": "o" * 99}, "are no text of COCO"),
        ({"size": [2, 3], "counts": "\u00e9"}, "are no text of COCO"),
        ({"size": [2, 3], "counts": "1 2"}, "are no text of COCO"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_others_are_refused(rle, says):
    with pytest.raises(ValueError, match=says):
        decode_rle(rle, (2, 3))


def test_a_mask_that_is_too_large_takes_no_memory():
    with pytest.raises(ValueError, match="more than 67,108,864 pixels"):
        decode_rle({"size": [2**20, 2**20], "counts": [2**40]}, (2**20, 2**20))
