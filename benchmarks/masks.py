"""How well the masks of a demo model cover the objects of held-out clips of the demo world.

`python -m benchmarks.masks` writes `benchmarks/results/masks.json`: J, the mean over frames of the intersection over
union, of all objects and of each kind of object, and the mean IoU of the objects and the background of a clip. Of each
map, refinement and threshold, overlapping and exclusive, with 95 % confidence intervals.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, note, row, write
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.evaluate import demo_world
from imap_fast.evaluate.example import Example
from imap_fast.evaluate.reader import Reader
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.bootstrap import estimate
from imap_fast.metrics.overlap import iou

OUTPUT = RESULTS / "masks.json"


class Way(NamedTuple):
    """How masks are made; see `SaliencyMaps.masks`."""

    map: str
    threshold: str
    refine: str
    exclusive: bool

    def __str__(self) -> str:
        return f"{self.map} {self.threshold} {self.refine} {'exclusive' if self.exclusive else 'overlapping'}"


WAYS = [
    *(
        Way(map, "otsu-twice", refine, exclusive)
        for map in ("gramcol", "imap")
        for refine in ("none", "guided", "crf")
        for exclusive in (False, True)
    ),
    *(
        Way("gramcol", threshold, "none", exclusive)
        for threshold in ("otsu", "90%", "0.7")
        for exclusive in (False, True)
    ),
]
"""SAM 2 is not among them: there is no small one, and no checkpoint comes with this package."""


def scores(maps: SaliencyMaps, example: Example, way: Way) -> tuple[dict[str, float], float]:
    """J of each object, and the mean IoU of the objects and the background over the clip."""
    objects = [truth for truth in example.truths if truth.kind == "object"]
    masks = maps.masks(
        example.clip,
        [truth.label for truth in objects],
        way.map,
        threshold=way.threshold,
        exclusive=way.exclusive,
        refine=way.refine,
    )
    found = np.stack([frame.masks for frame in masks.frames()], 1)
    truths = np.stack([truth.mask for truth in objects])
    j = {
        truth.label: float(np.mean([iou(*both) for both in zip(mask, truth.mask, strict=True)]))
        for truth, mask in zip(objects, found, strict=True)
    }
    classes = zip([*found, ~found.any(0)], [*truths, ~truths.any(0)], strict=True)
    return j, float(np.mean([iou(mask, truth) for mask, truth in classes]))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    read = best_settings(MODEL)
    reader = Reader(CogVideoXPipeline.from_pretrained(str(MODEL)), 0, dict(read))
    ways = [way for way in WAYS if way.refine != "crf" or find_spec("pydensecrf")]
    of_concepts: dict[Way, list[dict[str, float]]] = defaultdict(list)
    of_clips: dict[Way, list[float]] = defaultdict(list)
    for read_example in demo_world(arguments.clips).clips.values():
        example = reader.prepared(read_example())
        maps = reader.maps(example)
        for way in ways:
            j, mean_iou = scores(maps, example, way)
            of_concepts[way].append(j)
            of_clips[way].append(mean_iou)
    shape = f"{arguments.clips} held-out clips, layers {read['layers']}, step {read['steps'][0]} of 50"
    rows = []
    for way in ways:
        rows += [
            _row(f"{way} j", shape, [list(clip.values()) for clip in of_concepts[way]], "J"),
            _row(f"{way} mean_iou", shape, [[value] for value in of_clips[way]], "IoU"),
        ]
        for kind in sorted({_kind(label) for clip in of_concepts[way] for label in clip}):
            values = [[j for label, j in clip.items() if _kind(label) == kind] for clip in of_concepts[way]]
            rows.append(_row(f"{way} j {kind}", shape, values, "J"))
    if len(ways) < len(WAYS):
        rows.append(note("crf", shape, "pydensecrf is not installed"))
    write(rows, arguments.output)
    print(f"{len(rows)} rows in {arguments.output}")


def _kind(label: str) -> str:
    """The shape of an object, such as `circle` of `red circle`."""
    return label.split()[-1]


def _row(name: str, shape: str, values: list[list[float]], unit: str) -> dict[str, object]:
    found = estimate(values)
    return row(name, shape, found.mean, unit) | {"low": found.low, "high": found.high, "values": found.values}


if __name__ == "__main__":
    main()
