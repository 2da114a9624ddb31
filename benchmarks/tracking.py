"""How well are points followed, by the maps of regions and by what needs no model?

`python -m benchmarks.tracking` follows the middle of each object of held-out clips of the demo world: by each map of
regions, each layer and each step of the demo model, by template matching, and by the optical flow of Lucas and Kanade.
It writes the measures of TAP-Vid to `benchmarks/results/tracking.json`, with 95 % confidence intervals of the mean over
clips. It needs OpenCV.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, row, write
from imap_fast.demo import world
from imap_fast.demo.shipped_model import MODEL
from imap_fast.explaining.explain import explain
from imap_fast.maps.names import REGION_MAPS
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.bootstrap import estimate
from imap_fast.metrics.tracking import MODES, measured_frames, queries, track_scores
from imap_fast.video import Clip

OUTPUT = RESULTS / "tracking.json"

STEPS = (10, 20, 30, 40)
"""Of 50."""

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


class Asked(NamedTuple):
    """The points of a scene that are followed: the middles of its objects.

    Attributes:
        truth: where they are, `[N, T, 2]`.
        visible: whether they are seen, bool `[N, T]`.
        frames: the frame of each point in which it is given, `[N]`.
    """

    truth: np.ndarray
    visible: np.ndarray
    frames: np.ndarray


def asked_of(scene: world.Scene, mode: str) -> Asked:
    """The points of a scene; `mode` as in `imap_fast.metrics.tracking.queries`."""
    truth, visible = scene.points
    points, frames = queries(visible, mode)
    return Asked(truth[points], visible[points], frames)


def scores_of(found: Sequence[Found], asked: Asked, size: tuple[int, int], mode: str) -> dict[str, float]:
    """δ and its shares, AJ and occlusion accuracy of the tracks of a scene, and the median error in pixels."""
    places, claimed = (np.stack(each) for each in zip(*found, strict=True))
    scores = track_scores(places, claimed, asked.truth, asked.visible, asked.frames, size, mode)
    counted = asked.visible & measured_frames(asked.frames, asked.visible.shape[1], mode)
    errors = np.hypot(*(places - asked.truth).transpose(2, 0, 1))[counted]
    shares = {f"δ{pixels}": share for pixels, share in scores.within.items()}
    return shares | {
        "δ": scores.average_within,
        "AJ": scores.average_jaccard,
        "OA": scores.occlusion_accuracy,
        "median_error": float(np.median(errors)),
    }


def followed(tracker: Tracker, scene: world.Scene, asked: Asked) -> list[Found]:
    """The tracks of a baseline."""
    starts = zip(asked.truth, asked.frames, strict=True)
    return [tracker(scene.frames, int(frame), truth[frame]) for truth, frame in starts]


def maps_of(explainer_of: Callable[..., SaliencyMaps], scene: world.Scene, asked: Asked) -> SaliencyMaps:
    """The maps of the points of a scene, of each layer in each step."""
    starts = enumerate(zip(asked.truth, asked.frames, strict=True))
    regions = {f"{i}": (frame / scene.fps, *truth[frame].tolist()) for i, (truth, frame) in starts}
    return explainer_of(Clip(scene.frames, scene.fps), scene.caption, regions=regions)


class Read(NamedTuple):
    """What is read of a model.

    Attributes:
        map: of regions.
        layer: None: the mean of all.
        step: None: the mean of all.
    """

    map: str
    layer: int | None
    step: int | None

    def __str__(self) -> str:
        layer = "all layers" if self.layer is None else f"layer {self.layer}"
        return f"{self.map}, {layer}, {'all steps' if self.step is None else f'step {self.step}'}"


READS = [
    *(Read(map, None, step) for map in REGION_MAPS for step in (None, *STEPS)),
    *(Read(map, layer, step) for map in REGION_MAPS for layer in range(4) for step in STEPS),
]
"""All layers together, and each layer of the demo model by itself."""


def tracks_of(maps: SaliencyMaps, read: Read) -> list[Found]:
    """The tracks of a model."""
    part = maps if read[1:] == (None, None) else maps.at(layer=read.layer, step=read.step)
    tracks = part.tracks(map=read.map)
    return [Found(np.stack([each.x, each.y], axis=1), np.array(each.visible)) for each in tracks]


def measured(scenes: Sequence[world.Scene], mode: str, reads: Sequence[Read]) -> dict[str, list[dict[str, float]]]:
    """The scores of each scene, of the baselines and of what is read of the demo model."""
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    layers = range(pipe.transformer.config.num_layers)
    explained = partial(explain, pipe, maps=REGION_MAPS, keep=["layers", "steps"], layers=layers, steps=STEPS)
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for scene in scenes:
        asked, size = asked_of(scene, mode), scene.frames.shape[1:3]
        for name, tracker in BASELINES.items():
            rows[name].append(scores_of(followed(tracker, scene, asked), asked, size, mode))
        maps = maps_of(explained, scene, asked)
        for read in reads:
            rows[str(read)].append(scores_of(tracks_of(maps, read), asked, size, mode))
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--mode", choices=MODES, default=MODES[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    scenes = [world.sample(seed, "held_out") for seed in range(arguments.clips)]
    found = measured(scenes, arguments.mode, READS)
    shape = f"{arguments.clips} held-out clips of 25 × 96×96, mode {arguments.mode}"
    rows = []
    for name, scores in found.items():
        for key in scores[0]:
            of_all = estimate([[of_clip[key]] for of_clip in scores])
            unit = "pixels" if key == "median_error" else "share"
            rows.append(row(f"{name}: {key}", shape, of_all.mean, unit) | {"low": of_all.low, "high": of_all.high})
    write(rows, arguments.output)
    print(f"{len(rows)} rows in {arguments.output}")


if __name__ == "__main__":
    main()
