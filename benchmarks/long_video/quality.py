"""What maps of a film are worth, by the rate at which a model sees it and by the overlap of its windows.

Scenes of the demo's world are rendered at 24 frames a second. Some are as long as a window of the demo model at its own
rate, so that the model sees what it was trained on, and some fill three windows. Every way reads the same scenes, so
ways are compared in pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from math import isnan, nan
from multiprocessing import get_context
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXPipeline

from benchmarks.long_video.seams import seam
from benchmarks.record import row
from imap_fast.demo import world
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.evaluate.datasets.demo_world import SPLIT, example_of
from imap_fast.evaluate.example import GroundTruth
from imap_fast.evaluate.journal import without_nan
from imap_fast.explaining.explainer import Explainer
from imap_fast.metrics.bootstrap import estimate
from imap_fast.metrics.ranking import auc
from imap_fast.video import Clip

FPS = 24.0
MAPS = "imap", "gramcol"
KINDS = "objects", "motions", "when"

THIRD = {"fps": "all", "overlap": 2}
"""Every frame, and a third of the seven latent frames of a window is shared, as before there was a choice."""
LENGTHS = {
    73: {"all frames, overlap 2": THIRD, "the model's rate": {"fps": "model"}},
    217: {"all frames, overlap 2": THIRD}
    | {f"the model's rate, overlap {count}": {"fps": "model", "overlap": count} for count in (1, 2, 3, 4)},
}
"""Numbers of frames, and the ways in which such scenes are read. The others are compared with the first one."""

Key = tuple[str, ...]


@dataclass
class Found:
    """What was found in one scene, in one way.

    Attributes:
        scores: AUCs by kind and map. NaN: not defined.
        seams: by map. Empty if there is one window.
    """

    scores: dict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    seams: dict[str, float] = field(default_factory=dict)


def measure(scenes: int, workers: int) -> Iterator[list[dict[str, object]]]:
    """Yield the rows of all scenes so far, after each twentieth of them.

    Args:
        scenes: the number of held-out scenes, and of those that fill three windows a quarter of it.
        workers: processes, each with an equal share of the cores.
    """
    threads = max(1, torch.get_num_threads() // workers)
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (threads,)) as pool:
        for num_frames in LENGTHS:
            # Scenes of three windows take six times as long.
            count = scenes if num_frames == min(LENGTHS) else -(-scenes // 4)
            found: list[dict[str, Found]] = []
            for each in pool.map(partial(scene_found, num_frames=num_frames), range(count)):
                found.append(each)
                if len(found) % max(1, count // 20) == 0 or len(found) == count:
                    yield rows_of(found, f"{num_frames} frames at {FPS:g} a second")


def scene_found(seed: int, *, num_frames: int) -> dict[str, Found]:
    """What each way finds in the scene of a seed."""
    scene = world.sample(seed, SPLIT, num_frames=num_frames)
    example = example_of(scene)
    concepts = [truth.label for truth in example.truths]
    result = {}
    for way, arguments in LENGTHS[num_frames].items():
        settings = {**best_settings(), **arguments, "maps": MAPS, "shots": "off"}
        with Explainer(pipeline(), example.caption, concepts, **settings) as explainer:
            maps = explainer.explain(Clip(scene.frames, FPS))
        found = result[way] = Found()
        read, windows = maps.settings["video"], explainer.windows
        for name in MAPS:
            large = maps.upsample(read["num_frames"], *scene.frames.shape[1:3], map=name).numpy()
            for truth in example.truths:
                for kind, score in scores(large[maps.index(truth.label, name)], truth).items():
                    found.scores[kind, name].append(score)
            if read["windows"] > 1 and not isnan(step := seam(maps.maps[name], windows)):
                found.seams[name] = step
    return result


@cache
def pipeline() -> CogVideoXPipeline:
    """The model that ships, once in each process."""
    return CogVideoXPipeline.from_pretrained(str(MODEL))


def scores(saliency: np.ndarray, truth: GroundTruth) -> dict[str, float]:
    """The AUC of an object in space and time, or that of a motion, and over frames alone.

    Args:
        saliency: the map of the concept at the size of the video, fp32 `[T, H, W]`.
        truth: of at least as many frames.
    """
    mask = truth.mask[: len(saliency)]
    if truth.active is None:
        return {"objects": defined_auc(saliency, mask)}
    active = truth.active[: len(saliency)]
    return {"motions": defined_auc(saliency, mask), "when": defined_auc(saliency.mean((1, 2)), active)}


def defined_auc(values: np.ndarray, mask: np.ndarray) -> float:
    """The AUC. NaN if the mask is empty or full."""
    return auc(values, mask) if 0 < mask.sum() < mask.size else nan


def rows_of(found: Sequence[dict[str, Found]], shape: str) -> list[dict[str, object]]:
    """The rows of some scenes: means with their 95 % confidence intervals over scenes, and paired differences."""
    first, *others = found[0]
    rows = []
    for kind in KINDS:
        for name in MAPS:
            by_way = {way: [scene[way].scores[kind, name] for scene in found] for way in found[0]}
            rows += [estimated(f"{kind} by {name}: {way}", shape, values, "AUC") for way, values in by_way.items()]
            for way in others:
                pairs = zip(by_way[way], by_way[first], strict=True)
                differences = [list(np.subtract(*pair)) for pair in pairs]
                rows.append(estimated(f"{kind} by {name}: {way}, minus {first}", shape, differences, "AUC"))
    for name in MAPS:
        for way in found[0]:
            if any(name in scene[way].seams for scene in found):
                seams = [[scene[way].seams[name]] for scene in found if name in scene[way].seams]
                rows.append(estimated(f"seam by {name}: {way}", shape, seams, "ratio"))
    return rows


def estimated(name: str, shape: str, values: Sequence[Sequence[float]], unit: str) -> dict[str, Any]:
    """A row with the mean, its interval, and the numbers of values and scenes."""
    found = asdict(estimate(values))
    return without_nan(row(name, shape, found.pop("mean"), unit) | found)
