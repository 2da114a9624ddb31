"""How maps part a clip: into the classes that it has, and nothing is said where there is nothing to part."""

from math import isnan

import numpy as np
import pytest

from imap_fast.evaluate.evaluation import Evaluation
from imap_fast.evaluate.example import GroundTruth
from imap_fast.evaluate.localization import localization
from tests.evaluate.truth import FRAMES, HEIGHT, WIDTH, example, maps_of, square

LEFT, RIGHT = square(0, 3), square(3, 6)
HALF = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
HALF[:, :, :4] = True
NONE, ALL = np.zeros_like(HALF), np.ones_like(HALF)


def rows_of(maps, shown):
    """The row of the segmentation, and the intersection and the union of each class."""
    rows = localization({"imap": (maps, "imap")}, shown)
    whole = [row for row in rows if row["kind"] == "segmentation"]
    classes = [row for row in rows if row["kind"] == "class"]
    return whole, {row["concept"]: (row["intersection"], row["union"]) for row in classes}


def truths(**masks):
    return example(*(GroundTruth(label, mask) for label, mask in masks.items()))


def test_each_pixel_goes_to_the_highest_map():
    shown, floor = truths(left=LEFT, right=RIGHT), np.full(LEFT.shape, 0.5)
    (whole,), classes = rows_of(maps_of(left=LEFT * 2.0, right=(LEFT | RIGHT) * 1.0, background=floor), shown)
    assert whole["mean_iou"] == 1
    assert classes == {"background": (ALL.sum() - 54,) * 2, "left": (27, 27), "right": (27, 27)}
    (mixed,), classes = rows_of(maps_of(left=LEFT * 1.0, right=(LEFT | RIGHT) * 2.0, background=floor), shown)
    assert mixed["mean_iou"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert classes == {"background": (ALL.sum() - 54,) * 2, "left": (0, 27), "right": (27, 54)}


def test_the_background_is_no_class_of_a_clip_that_is_labelled_everywhere():
    shown, maps = truths(sky=HALF, sea=~HALF), maps_of(sky=HALF * 1.0, sea=~HALF * 1.0, background=ALL * 2.0)
    (whole,), classes = rows_of(maps, shown)
    assert whole["mean_iou"] == 0, "which knows no such rule"
    assert classes == {"sky": (HALF.sum(),) * 2, "sea": ((~HALF).sum(),) * 2}


def test_void_is_no_background():
    """A benchmark that labels every pixel has void between its classes."""
    sea = HALF & np.roll(~HALF, 1, axis=2)  # one column
    given = example(GroundTruth("sky", HALF & ~sea), GroundTruth("sea", sea), void=~HALF)
    _, classes = rows_of(maps_of(sky=HALF & ~sea, sea=sea * 1.0, background=ALL * 2.0), given)
    assert classes == {"sky": (3 * HEIGHT * FRAMES,) * 2, "sea": (HEIGHT * FRAMES,) * 2}


def test_pixels_of_no_class_do_not_count_where_there_is_no_background():
    shown = truths(left=LEFT, right=RIGHT)
    (whole,), classes = rows_of(maps_of(left=ALL * 1.0, right=RIGHT * 2.0), shown)
    assert isnan(whole["mean_iou"])
    assert classes == {"left": (27, 27), "right": (27, 27)}


def test_nothing_is_parted_where_there_is_one_class():
    assert rows_of(maps_of(square=square()), truths(square=square())) == ([], {})
    (whole,), classes = rows_of(maps_of(square=square(), background=NONE), truths(square=ALL))
    assert whole["mean_iou"] == square().sum() / ALL.sum() / 2, "where maps are equal, the background has the pixel"
    assert isnan(whole["mvc8"])
    assert classes == {}


def test_consistency_is_over_runs_of_annotated_frames():
    """The object is found but in one frame of 17, so that no run of 16 is steady, and one of nine of 8."""
    mask = np.repeat(HALF[:1], 17, axis=0)
    found = mask.copy()
    found[8] = False
    shown = example(GroundTruth("square", mask), frames=17)
    (whole,), _ = rows_of(maps_of(square=found, background=np.full(mask.shape, 0.5)), shown)
    part = HALF[0].mean()
    assert whole["mvc16"] == pytest.approx(1 - part)
    assert whole["mvc8"] == pytest.approx(1 - part * 8 / 9)
    every_second = example(GroundTruth("square", mask[::2]), frames=17, annotated=range(0, 17, 2))
    (whole,), _ = rows_of(maps_of(square=found, background=np.full(mask.shape, 0.5)), every_second)
    assert whole["mvc8"] == pytest.approx(1 - part), "one run, with frame 8"
    assert isnan(whole["mvc16"])


@pytest.mark.parametrize(("measure", "length"), [("mvc8", 8), ("mvc16", 16)])
def test_a_clip_is_longer_than_a_run(measure, length):
    for frames, is_known in ((length + 1, True), (length, False)):
        mask = np.repeat(HALF[:1], frames, axis=0)
        given = example(GroundTruth("square", mask), frames=frames)
        (whole,), _ = rows_of(maps_of(square=mask, background=np.full(mask.shape, 0.5)), given)
        assert whole[measure] == 1 if is_known else isnan(whole[measure])


def test_classes_are_united_over_the_clips_of_a_data_set():
    floor = np.full(LEFT.shape, 0.5)
    rows = {
        "one": localization({"imap": (maps_of(cat=LEFT, background=floor), "imap")}, truths(cat=LEFT | RIGHT)),
        "other": localization(
            {"imap": (maps_of(cat=RIGHT, dog=NONE, background=floor), "imap")}, truths(cat=RIGHT, dog=LEFT)
        ),
        "unmasked": [],
    }
    found = Evaluation(rows, {}, {}).estimates()["class"]["miou"]["imap"]
    cat, dog, background = 54 / 81, 0, (2 * ALL.sum() - 108) / (2 * ALL.sum() - 54)
    assert found.mean == pytest.approx((cat + dog + background) / 3)
    assert (found.values, found.clips, found.left_out) == (3, 2, 0)


def test_a_class_is_one_however_it_is_typed_in_another_clip():
    def rows(label):
        return localization(
            {"imap": (maps_of(**{label: LEFT}, background=np.full(LEFT.shape, 0.5)), "imap")}, truths(**{label: LEFT})
        )

    found = Evaluation({"one": rows("Café"), "other": rows("cafe\u0301")}, {}, {}).estimates()["class"]["miou"]["imap"]
    assert (found.mean, found.values) == (1, 2)
