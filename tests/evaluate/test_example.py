"""Ground truth that is given by hand: what does not fit is refused before anything is measured."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imap_fast.evaluate.example import Example, GroundTruth
from tests.evaluate.truth import FRAMES, HEIGHT, WIDTH, example, square

ACTIVE = np.ones(FRAMES, bool)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_masks_and_active_frames_are_bool(dtype):
    with pytest.raises(TypeError, match=f"mask of 'cat' is not a bool numpy array but {np.dtype(dtype)}"):
        GroundTruth("cat", square().astype(dtype))
    with pytest.raises(TypeError, match=f"active of 'runs' is not a bool numpy array but {np.dtype(dtype)}"):
        GroundTruth("runs", square(), ACTIVE.astype(dtype))
    with pytest.raises(TypeError, match="mask of 'cat' is not a bool numpy array but list"):
        GroundTruth("cat", square().tolist())


@pytest.mark.parametrize(
    ("label", "mask", "active", "says"),
    [
        ("cat", square()[0], None, f"mask of 'cat' has the shape [{HEIGHT}, {WIDTH}]; give 3 dimensions"),
        ("runs", square(), ACTIVE[:, None], f"active of 'runs' has the shape [{FRAMES}, 1]; give 1 dimensions"),
        ("runs", square(), ACTIVE[1:], f"'runs' has {FRAMES} masks and {FRAMES - 1} frames in active; give as many"),
        ("background", square(), None, "a truth is called 'background', which is always measured"),
        ("Back\u00adground", square(), None, "a truth is called 'Back\\xadground', which is always measured"),
        ("Background ", square(), None, "a truth is called 'Background ', which is always measured"),
    ],
    ids=str,
)
def test_a_truth_that_cannot_be_one_is_refused(label, mask, active, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        GroundTruth(label, mask, active)


SIZE = f"[{FRAMES}, {HEIGHT}, {WIDTH}]"


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"truths": (GroundTruth("cat", square()[1:]),)}, ValueError, f"give {SIZE}, the annotated frames"),
        ({"truths": (GroundTruth("cat", square()[:, 1:]),)}, ValueError, f"give {SIZE}, the annotated frames"),
        ({"truths": (GroundTruth("cat", square()),) * 2}, ValueError, "two truths are of 'cat'; unite their masks"),
        ({"concepts": ("dog",)}, ValueError, "a truth is of 'cat', and concepts are ['dog']; add it to them"),
        ({"video": Path("cat.mp4")}, TypeError, "cat.mp4 is a file; an example with ground truth needs a Clip"),
        ({"annotated": np.arange(FRAMES)[::-1]}, ValueError, f"annotated has {FRAMES - 2}; give numbers of frames"),
        ({"annotated": np.zeros(FRAMES, int)}, ValueError, "annotated has 0; give numbers of frames"),
        ({"annotated": np.arange(FRAMES, dtype=np.uint8)[::-1]}, ValueError, f"annotated has {FRAMES - 2}; give"),
        ({"annotated": np.arange(FRAMES) + 1}, ValueError, f"annotated has {FRAMES}; give numbers of frames from 0 to"),
        ({"annotated": np.arange(FRAMES) - 1}, ValueError, "annotated has -1; give numbers of frames from 0 to"),
        ({"annotated": np.arange(FRAMES - 1)}, ValueError, f"is {SIZE}; give [{FRAMES - 1}, {HEIGHT}, {WIDTH}]"),
        ({"void": square()[1:]}, ValueError, f"void is [{FRAMES - 1}, {HEIGHT}, {WIDTH}]; give {SIZE}, the annotated"),
        ({"void": square() * 1}, TypeError, "void is not a bool numpy array but int64; convert it"),
        ({"annotated": np.zeros(0, int)}, ValueError, "annotated has the shape [0]; give [n], at least one frame"),
        ({"annotated": np.zeros((1, 1), int)}, ValueError, "annotated has the shape [1, 1]; give [n]"),
        ({"annotated": np.arange(FRAMES) * 1.0}, TypeError, "annotated is not an integer numpy array but float64"),
        ({"annotated": ACTIVE}, TypeError, "annotated is not an integer numpy array but bool"),
        ({"annotated": list(range(FRAMES))}, TypeError, "annotated is not an integer numpy array but list"),
    ],
    ids=str,
)
def test_an_example_whose_truths_do_not_fit_is_refused(changes, error, says):
    fits = example(GroundTruth("cat", square()))
    with pytest.raises(error, match=re.escape(says)):
        replace(fits, **changes)


def test_an_example_without_truths_needs_no_clip():
    assert Example(Path("cat.mp4"), "a cat", ("cat",)).truths == ()
