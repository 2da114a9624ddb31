"""Events against the frames in which a motion happens."""

from math import isnan

import numpy as np
import pytest

from imap_fast.evaluate.evaluation import Evaluation
from imap_fast.evaluate.example import Example, GroundTruth
from imap_fast.evaluate.journal import Journal
from imap_fast.evaluate.localization import localization
from imap_fast.evaluate.when import when
from imap_fast.events.event import Event
from imap_fast.events.events import Events
from imap_fast.video import Clip
from tests.evaluate.truth import maps_of

FRAMES = 20
ACTIVE = np.isin(np.arange(FRAMES), range(4, 12))


def events_of(*spans: range) -> Events:
    found = tuple(Event("slides", None, None, span.start, span.stop - 1, 0.5) for span in spans)
    return Events(found, {"slides": "imap"}, FRAMES)


def measured(*spans, active=ACTIVE, annotated=None):
    annotated = np.arange(FRAMES) if annotated is None else np.array(annotated)
    return when(events_of(*spans), "slides", active[annotated], annotated)


def test_frames_that_are_found_are_compared_with_those_that_are_active():
    scores, rows = measured(range(8, 14))
    assert scores["temporal_iou"] == 4 / 10
    assert isnan(scores["steady"])
    assert [(row["begin"], row["end"]) for row in rows] == [(4, 12), (8, 14)]
    assert isnan(rows[0]["confidence"])
    assert rows[1]["confidence"] == 0.5
    assert measured(range(4, 8), range(8, 12))[0]["temporal_iou"] == 1


def test_a_steady_motion_that_begins_or_ends_is_missed():
    scores, rows = measured()
    assert scores["temporal_iou"] == 0
    assert len(rows) == 1


@pytest.mark.parametrize("active", [np.ones(FRAMES, bool), np.zeros(FRAMES, bool)], ids=["always", "never"])
def test_of_one_that_is_active_always_or_never_it_is_measured_whether_it_is_steady(active):
    for spans, steady in (((), 1), ((range(3, 5),), 0)):
        scores, rows = measured(*spans, active=active)
        assert isnan(scores["temporal_iou"])
        assert scores["steady"] == steady
        assert rows == []


def test_only_annotated_frames_count():
    scores, rows = measured(range(8, 14), range(15, 16), annotated=[0, 6, 10, 13, 18])
    assert scores["temporal_iou"] == 1 / 3
    assert [(row["begin"], row["end"]) for row in rows] == [(1, 3), (2, 4)]
    assert all(isnan(value) for value in measured(range(8, 14), annotated=np.zeros(0, int))[0].values())


def clip_with(active, found):
    """A clip in which "slides" is active, and its rows, where a map is hot in other frames."""
    mask = np.zeros((FRAMES, 8, 10), bool)
    mask[:, 2:6, 2:6] = True
    truth = GroundTruth("slides", mask & active[:, None, None], active)
    frames = Clip(np.zeros((FRAMES, 8, 10, 3), np.uint8))
    shown = Example(frames, "", ("slides", "background"), (truth,), np.arange(FRAMES))
    noise = np.random.default_rng(0).random(mask.shape) * 0.01
    maps = maps_of(slides=(mask & found[:, None, None]) + noise, background=~mask)
    return localization({"imap": (maps, "imap")}, shown)


def test_the_estimates_are_of_all_clips(tmp_path):
    late = np.isin(np.arange(FRAMES), range(6, 13))
    rows = {"right": clip_with(ACTIVE, ACTIVE), "late": clip_with(ACTIVE, late), "none": clip_with(ACTIVE, ~ACTIVE)}
    rows["always"] = clip_with(np.ones(FRAMES, bool), np.ones(FRAMES, bool))
    with Journal(tmp_path, {}) as journal:
        for name, each in rows.items():
            journal.add(name, each, "files")
    with Journal(tmp_path, {}) as journal:
        read = Evaluation(journal.rows, {}, {}).estimates()
    found = Evaluation(rows, {}, {}).estimates()
    assert str(read) == str(found)
    assert found["motion"]["temporal_iou"]["imap"].mean == pytest.approx((1 + 6 / 9 + 0) / 3)
    assert found["motion"]["temporal_iou"]["imap"].left_out == 1
    assert found["motion"]["steady"]["imap"].mean == 1
    assert found["motion"]["steady"]["imap"].values == 1
    # Right, right, and in "none" two wrong ones, of three given ones; all have nearly the same confidence.
    assert 0.3 < found["event"]["ap30"]["imap"].mean <= 2 / 3
    assert found["event"]["ap50"]["imap"].mean == found["event"]["ap30"]["imap"].mean
    assert found["event"]["ap70"]["imap"].mean <= 1 / 3
    assert (found["event"]["ap30"]["imap"].values, found["event"]["ap30"]["imap"].clips) == (1, 3)


def test_a_journal_without_the_measures_is_refused(tmp_path):
    (motion,) = [row for row in clip_with(ACTIVE, ACTIVE) if row["kind"] == "motion"]
    earlier = {name: value for name, value in motion.items() if name not in ("temporal_iou", "steady")}
    with Journal(tmp_path, {}) as journal:
        journal.add("a", [earlier], "files")
    with pytest.raises(ValueError, match="the measures of 'motion' are others"):
        Journal(tmp_path, {})
