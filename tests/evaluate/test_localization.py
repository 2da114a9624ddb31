"""What is measured of a clip: right where the truth is plain, and left out where there is none."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
import torch

from imap_fast.evaluate.example import GroundTruth
from imap_fast.evaluate.localization import AS_MASKS, IN_SPACE, MEASURES, localization
from imap_fast.evaluate.segmentation import RUNS
from imap_fast.metrics.boundary import boundary_f
from imap_fast.metrics.ranking import auc
from tests.evaluate.truth import FRAMES, HEIGHT, WIDTH, example, maps_of, square

LISTED = ("class", "event")
"""The kinds of rows that have no measures, but what measures are made of."""

ACTIVE = np.array([False, False, True, True, True, False])


def rows_of(maps, shown):
    """The row of each concept, and that of the segmentation."""
    return {row["concept"]: row for row in localization({"imap": (maps, "imap")}, shown) if row["kind"] not in LISTED}


def slides(active=ACTIVE):
    return GroundTruth("slides", square() & active[:, None, None], active)


def test_maps_of_the_truth_score_one_and_their_opposite_zero():
    shown = example(GroundTruth("square", square()), slides())
    truth = {"square": square(), "slides": shown.truths[1].mask, "background": ~square()}
    found = rows_of(maps_of(**truth), shown)
    assert {row["kind"] for row in found.values()} == {"object", "motion", "segmentation"}
    for row in found.values():
        assert set(row) == {"concept", "kind", "method", *MEASURES[row["kind"]]}
        measured = [measure for measure in MEASURES[row["kind"]] if measure not in ("agreement", "steady", *RUNS)]
        assert [row[measure] for measure in measured] == [1] * len(measured)
    opposite = rows_of(maps_of(**{label: ~mask for label, mask in truth.items()}), shown)
    for row in opposite.values():
        assert {value for name, value in row.items() if name.endswith("auc")} <= {0}
    assert opposite["square"]["pointing"] == 0


def test_agreement_is_that_of_the_map_of_the_concept():
    shown = example(GroundTruth("square", square()), slides())
    maps = maps_of(square=square(), slides=shown.truths[1].mask, background=~square())
    assert all(np.isnan(row["agreement"]) for row in rows_of(maps, shown).values() if row["concept"])
    sure = {name: torch.tensor([0.75, 0.25, 1.0]) for name in maps.maps}
    spreads = {name: values.abs() for name, values in maps.maps.items()}
    found = rows_of(replace(maps, agreements=sure, spreads=spreads), shown)
    assert [found[name]["agreement"] for name in ("square", "slides")] == [0.75, 0.25]
    assert "agreement" not in found[None]


def test_an_object_is_followed_in_space_and_a_motion_in_time():
    """A map that is the object's all the time finds the motion in space alone, one that flickers in time alone."""
    shown = example(GroundTruth("square", square()), slides())
    flicker = np.broadcast_to(ACTIVE[:, None, None], square().shape)
    in_space = rows_of(maps_of(square=square(), slides=square(), background=~square()), shown)["slides"]
    in_time = rows_of(maps_of(square=square(), slides=flicker, background=~square()), shown)["slides"]
    assert in_space["spatial_auc"] == in_space["spatial_iou_otsu"] == 1
    assert in_space["temporal_auc"] == 0.5
    assert in_time["temporal_auc"] == 1
    assert in_time["spatial_auc"] == 0.5
    assert in_time["pointing"] == pytest.approx(9 / (HEIGHT * WIDTH))
    for row in (in_space, in_time):
        assert 0.5 < row["spacetime_auc"] < 1
        assert row["spacetime_iou_best"] < 1


def test_frames_are_judged_one_by_one_in_space_and_together_in_space_and_time():
    """Where frames differ in brightness only their own thresholds part them."""
    brightness = np.arange(FRAMES)[:, None, None] * 10
    found = rows_of(
        maps_of(square=square() + brightness, background=~square()), example(GroundTruth("square", square()))
    )
    assert found["square"]["spatial_iou_best"] == found["square"]["spatial_iou_otsu"] == 1
    assert found["square"]["spacetime_iou_best"] < 0.5


@pytest.mark.parametrize("mask", [square(0, 0), np.ones_like(square())], ids=["empty", "full"])
def test_an_object_that_is_nowhere_or_everywhere_is_left_out_where_it_needs_both_sides(mask):
    found = rows_of(maps_of(square=square(), background=~square()), example(GroundTruth("square", mask)))["square"]
    assert all(isnan(found[measure]) for measure in MEASURES["object"] if measure not in AS_MASKS)
    assert found["j"] == mask.mean() * square().mean()
    assert found["f"] == 0


def test_masks_have_one_threshold_for_the_clip_and_every_annotated_frame_counts():
    """Where nothing is and nothing is found, the masks agree."""
    shown = example(GroundTruth("square", square(0, 4)))
    for seen, j in ((square(0, 4), 1), (square(0, 3), 5 / 6), (square(), 4 / 6)):
        values = seen * 5.0 + np.arange(WIDTH) / WIDTH  # within a frame where nothing is, one part is higher, too
        found = rows_of(maps_of(square=values, background=~square()), shown)["square"]
        assert found["j"] == found["f"] == found["j_and_f"] == pytest.approx(j)


def test_j_and_f_is_the_mean_of_region_and_boundary():
    low = np.roll(square(), 1, axis=1)
    found = rows_of(maps_of(square=low, background=~square()), example(GroundTruth("square", square())))["square"]
    assert found["j"] == pytest.approx(1 / 2)
    assert found["f"] == pytest.approx(np.mean([boundary_f(*frame) for frame in zip(low, square(), strict=True)]))
    assert 0 < found["f"] != found["j"]
    assert found["j_and_f"] == (found["j"] + found["f"]) / 2


def test_frames_without_the_object_do_not_count_in_space():
    mask = square(0, 2)
    mask[4] = True
    found = rows_of(maps_of(square=square(), background=~square()), example(GroundTruth("square", mask)))["square"]
    assert found["spatial_auc"] == 1
    assert found["spacetime_auc"] == pytest.approx(auc(square().astype(float), mask))


@pytest.mark.parametrize("active", [np.ones(FRAMES, bool), np.zeros(FRAMES, bool)], ids=["always", "never"])
def test_a_motion_that_lasts_always_or_never_has_no_time(active):
    found = rows_of(maps_of(slides=square(), background=~square()), example(slides(active)))["slides"]
    assert isnan(found["temporal_auc"])
    assert isnan(found["spatial_auc"]) == isnan(found["spacetime_auc"]) == (not active.any())


def test_only_annotated_frames_that_were_read_count():
    values = np.where(np.isin(np.arange(FRAMES), [1, 3])[:, None, None], square(), ~square())
    shown = example(GroundTruth("square", square()[[1, 3, 5]]), annotated=[1, 3, 5])
    found = rows_of(maps_of(square=values[:5], background=~values[:5]), shown)
    assert found["square"]["spatial_auc"] == found["square"]["spacetime_auc"] == found[None]["mean_iou"] == 1
    late = example(GroundTruth("square", square()[[5]]), annotated=[5])
    with pytest.raises(ValueError, match="the maps cover the first 5 frames, and annotations begin at frame 5"):
        rows_of(maps_of(square=values[:5], background=~values[:5]), late)


def test_one_frame_has_space_and_no_time():
    shown = example(GroundTruth("slides", square()[[2]], np.array([True])), annotated=[2])
    found = rows_of(maps_of(slides=square(), background=~square()), shown)["slides"]
    assert [found[measure] for measure in IN_SPACE] == [1, 1, 1, 1]
    assert isnan(found["temporal_auc"])
    assert found["spacetime_auc"] == 1


def test_values_that_are_not_finite_are_no_map():
    values = square().astype(np.float32)
    values[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match="not finite; try another dtype"):
        rows_of(maps_of(square=values, background=~square()), example(GroundTruth("square", square())))
