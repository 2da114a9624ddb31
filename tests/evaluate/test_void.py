"""No measure counts void: neither what a map has there, nor what a mask says."""

from dataclasses import replace
from math import isnan

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.evaluate.example import GroundTruth
from imap_fast.evaluate.localization import MEASURES, localization
from imap_fast.evaluate.segmentation import RUNS
from imap_fast.evaluate.when import WHEN
from tests.evaluate.truth import FRAMES, HEIGHT, WIDTH, example, maps_of

SHAPE = (17, HEIGHT, WIDTH)
ACTIVE = np.arange(17) // 3 % 2 == 0

seeds = st.integers(0, 2**32 - 1)


def draw(seed, dtype=bool):
    """Three concepts, each with a value or a mask in every frame; the last one is a motion."""
    values = np.random.default_rng(seed).integers(3, size=(3, *SHAPE))
    return values > 1 if dtype is bool else values * 0.5


def draw_void(seed, share):
    void = np.random.default_rng(seed).random(SHAPE) < share
    void[np.random.default_rng(seed).random(17) < 0.1] = True
    return void


def shown(masks, void=None):
    cat, dog, slides = masks
    motion = GroundTruth("slides", slides & ACTIVE[:, None, None], ACTIVE)
    return example(GroundTruth("cat", cat), GroundTruth("dog", dog), motion, frames=17, void=void)


def rows_of(values, given, **more):
    maps = maps_of(**dict(zip(("cat", "dog", "slides"), values, strict=True)), **more)
    rows = localization({"imap": (maps, "imap")}, given)
    # Events are those of the whole map, as a user gets them.
    return [{name: row[name] for name in row if name not in WHEN} for row in rows if row["kind"] != "event"]


@settings(deadline=None, max_examples=20)
@given(seed=seeds, other=seeds, share=st.sampled_from([0.05, 0.5, 0.95, 1.0]), has_background=st.booleans())
def test_what_is_in_void_changes_no_measure(seed, other, share, has_background):
    void, masks, values = draw_void(seed, share), draw(seed + 1), draw(seed + 2, float)
    more = {"background": np.full(SHAPE, 0.5)} if has_background else {}
    rows = rows_of(values, shown(masks, void), **more)
    assert {row["kind"] for row in rows} <= set(MEASURES)
    values, masks = np.where(void, draw(other, float) * 100 - 50, values), np.where(void, draw(other), masks)
    more = {name: np.where(void, draw(other, float)[0], each) for name, each in more.items()}
    assert str(rows_of(values, shown(masks, void), **more)) == str(rows)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, share=st.sampled_from([0.05, 0.5, 0.9]))
def test_a_map_that_is_right_outside_of_void_is_perfect(seed, share):
    rng, void = np.random.default_rng(seed), draw_void(seed, share)
    cat = rng.random(SHAPE[1:]) < 0.4
    masks = np.broadcast_to(np.stack([cat, ~cat & (rng.random(cat.shape) < 0.5), cat])[:, None], (3, *SHAPE))
    given = shown(masks, void)
    values = np.array([truth.mask * 1.0 for truth in given.truths])
    values[2] += 1e-3 * ACTIVE[:, None, None]  # also where all that moves is void
    values = np.where(void, rng.normal(size=SHAPE) * 9, values)
    background = np.where(void, rng.normal(size=SHAPE), 0.5)
    for row in rows_of(values, given, background=background):
        if row["kind"] == "class":
            assert row["intersection"] == row["union"]
        else:
            found = [row[measure] for measure in MEASURES[row["kind"]] if measure in row]
            assert {value for value in found if not isnan(value)} == {1.0}


def test_without_void_nothing_is_left_out():
    masks, values = draw(0), draw(1, float)
    rows = rows_of(values, shown(masks), background=np.full(SHAPE, 0.5))
    assert str(rows_of(values, shown(masks, np.zeros(SHAPE, bool)), background=np.full(SHAPE, 0.5))) == str(rows)
    measured = {name: value for row in rows for name, value in row.items() if name not in ("concept", "kind", "method")}
    assert [name for name, value in measured.items() if isnan(value)] == ["agreement", *RUNS], (
        "no pixel keeps its class"
    )


def test_a_frame_that_is_void_as_a_whole_is_a_frame_that_is_not_annotated():
    """It would be a frame in which nothing is and nothing is found. Only runs of frames are other ones."""
    masks, values, void = draw(0), draw(1, float), draw_void(2, 0.2)
    kept = ~void.all((1, 2))
    assert 8 < kept.sum() < 17
    given = shown(masks, void)
    truths = tuple(
        replace(truth, mask=truth.mask[kept], active=None if truth.active is None else truth.active[kept])
        for truth in given.truths
    )
    fewer = replace(given, truths=truths, void=void[kept], annotated=np.flatnonzero(kept))
    both = [rows_of(values, each, background=np.full(SHAPE, 0.5)) for each in (given, fewer)]
    both = [[{name: str(value) for name, value in row.items() if name not in RUNS} for row in rows] for rows in both]
    assert both[0] == both[1]


def test_a_clip_that_is_void_as_a_whole_has_no_measures():
    rows = rows_of(draw(1, float), shown(draw(0), np.ones(SHAPE, bool)), background=np.full(SHAPE, 0.5))
    assert {value for row in rows for value in map(str, list(row.values())[3:])} == {"nan", "0.0"}
    assert {row["kind"] for row in rows if 0.0 in row.values()} == {"class"}


def test_a_high_point_in_void_misses_nothing():
    mask, void = np.zeros((2, FRAMES, HEIGHT, WIDTH), bool)
    mask[:, 2:4, 2:4] = void[:, 0, 0] = True
    values = mask * 1.0 + void * 9
    rows = {
        is_void: localization(
            {"imap": (maps_of(cat=values), "imap")}, example(GroundTruth("cat", mask), void=void if is_void else None)
        )[0]
        for is_void in (False, True)
    }
    assert (rows[True]["pointing"], rows[False]["pointing"]) == (1, 0)
    assert (rows[True]["spatial_iou_otsu"], rows[False]["spatial_iou_otsu"]) == (1, 0)
    assert rows[True]["j"] == 1


def test_void_is_cut_to_the_frames_that_were_read():
    masks, values, void = draw(0), draw(1, float), draw_void(2, 0.2)
    whole = shown(masks, void)
    cut = replace(
        whole,
        truths=tuple(
            replace(each, mask=each.mask[:9], active=None if each.active is None else each.active[:9])
            for each in whole.truths
        ),
        void=void[:9],
        annotated=np.arange(9),
    )
    assert str(rows_of(values[:, :9], whole)) == str(rows_of(values[:, :9], cut))
