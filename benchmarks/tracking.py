"""How well are points followed by what needs no model?

`python -m benchmarks.tracking` follows the middle of each object of held-out clips of the demo world by template
matching and by the optical flow of Lucas and Kanade, and prints the measures of TAP-Vid. It needs OpenCV.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from imap_fast.demo import world
from imap_fast.metrics.tracking import MODES, queries, track_scores

HALF = 10
"""Pixels on each side of the point that templates and windows have, as OpenCV has for optical flow."""

LEAST_CORRELATION = 0.7
"""The normalized correlation from which on a template is found."""

FARTHEST_BACK = 1.0
"""Pixels from a point to where the flow forward and back again leads, from which on it is lost."""


class Found(NamedTuple):
    """A track.

    Attributes:
        places: (x, y) in pixels from the upper left corner of the picture, `[T, 2]`.
        visible: whether the point is seen there, bool `[T]`.
    """

    places: np.ndarray
    visible: np.ndarray


Tracker = Callable[[np.ndarray, int, np.ndarray], Found]
"""Follows a point of a video, uint8 `[T, H, W, 3]`, from the number of a frame and its place there, `[2]`."""


def template_matching(frames: np.ndarray, frame: int, place: np.ndarray) -> Found:
    """Where in each frame the picture around the point correlates most with that in its own frame.

    A template of one colour is found nowhere.
    """
    padded = [cv2.copyMakeBorder(picture, *[HALF] * 4, cv2.BORDER_REFLECT_101) for picture in frames]
    column, row = np.floor(place).astype(int)
    side = 2 * HALF + 1
    template = padded[frame][row : row + side, column : column + side]
    places, visible = np.tile(np.asarray(place, np.float64), (len(frames), 1)), np.zeros(len(frames), bool)
    if (template == template[0, 0]).all():  # OpenCV says that it correlates with everything
        return Found(places, visible)
    for number, picture in enumerate(padded):
        correlation = cv2.matchTemplate(picture, template, cv2.TM_CCOEFF_NORMED)
        best = np.unravel_index(correlation.argmax(), correlation.shape)
        places[number] += np.subtract(best[::-1], (column, row))
        visible[number] = correlation[best] >= LEAST_CORRELATION
    return Found(places, visible)


def lucas_kanade(frames: np.ndarray, frame: int, place: np.ndarray) -> Found:
    """Where the optical flow leads the point from frame to frame, forward and backward, until it is lost for good."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in frames]
    places, visible = np.tile(np.asarray(place, np.float64), (len(frames), 1)), np.zeros(len(frames), bool)
    visible[frame] = True
    for step, numbers in ((1, range(frame + 1, len(frames))), (-1, range(frame - 1, -1, -1))):
        for number in numbers:
            start = places[number - step]
            there = _followed(grey[number - step], grey[number], start) if visible[number - step] else None
            places[number], visible[number] = (start, False) if there is None else (there, True)
    return Found(places, visible)


def _followed(before: np.ndarray, now: np.ndarray, start: np.ndarray) -> np.ndarray | None:
    """Where a point of one frame is in the next one. None: the flow does not lead there and back."""
    there = _flow(before, now, start)
    back = None if there is None else _flow(now, before, there)
    return None if back is None or np.hypot(*(back - start)) >= FARTHEST_BACK else there


def _flow(before: np.ndarray, after: np.ndarray, place: np.ndarray) -> np.ndarray | None:
    """Where the flow leads a point. None: OpenCV does not find it, or it leaves the picture."""
    point = np.float32(place - 0.5).reshape(1, 1, 2)  # OpenCV has the centre of the first pixel at (0, 0)
    there, is_found, _ = cv2.calcOpticalFlowPyrLK(before, after, point, None, winSize=(2 * HALF + 1,) * 2)
    there = there.reshape(2).astype(np.float64) + 0.5
    height, width = after.shape
    return there if is_found.item() and ((there >= 0) & (there < (width, height))).all() else None


BASELINES: dict[str, Tracker] = {"template matching": template_matching, "Lucas–Kanade": lucas_kanade}


def measure(trackers: Mapping[str, Tracker], scenes: Sequence[world.Scene], mode: str) -> dict[str, dict[str, float]]:
    """δ, AJ and occlusion accuracy of each tracker, the means over scenes, whose points are the middles of objects."""
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in trackers}
    for scene in scenes:
        truth = np.stack([thing.centre for thing in scene.objects])
        visible = np.stack([thing.visible for thing in scene.objects])
        points, frames = queries(visible, mode)
        for name, tracker in trackers.items():
            asked = zip(points, frames, strict=True)
            found = [tracker(scene.frames, int(frame), truth[point, frame]) for point, frame in asked]
            places, claimed = (np.stack(each) for each in zip(*found, strict=True))
            size = scene.frames.shape[1:3]
            scores = track_scores(places, claimed, truth[points], visible[points], frames, size, mode)
            rows[name].append(
                {"δ": scores.average_within, "AJ": scores.average_jaccard, "OA": scores.occlusion_accuracy}
            )
    return {name: {key: float(np.mean([row[key] for row in of])) for key in of[0]} for name, of in rows.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--mode", choices=MODES, default=MODES[0])
    arguments = parser.parse_args(argv)
    scenes = [world.sample(seed, "held_out") for seed in range(arguments.clips)]
    for name, scores in measure(BASELINES, scenes, arguments.mode).items():
        print(f"{name:<20} " + "  ".join(f"{key} {value:.3f}" for key, value in scores.items()))


if __name__ == "__main__":
    main()
