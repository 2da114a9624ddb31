"""Measure every variant on one split, and add the rows to `benchmarks/results/trials.json`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, Table, row
from benchmarks.trials.measures import MEASURES, Values, measured
from benchmarks.trials.variants import PUBLISHED, VARIANTS
from imap_fast.demo.shipped_model import MODEL, RECORD, best_settings
from imap_fast.demo.validate import validation_scenes
from imap_fast.evaluate import demo_world
from imap_fast.evaluate.datasets.demo_world import example_of
from imap_fast.evaluate.example import Example
from imap_fast.metrics.bootstrap import estimate

SPLITS = {"validation": "validation", "held_out": "held-out"}
"""The splits of the demo world and how they are called. Choices are made on the first, and reported on the second."""

CLIPS = {"validation": 60, "held_out": 200}
"""How many clips of a split are measured."""

Found = dict[tuple[str, str], list[Values]]
"""The values in each clip, by variant and map."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of a trained demo model")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--clips", type=int, help="their number (default: 60 of validation, 200 held out)")
    parser.add_argument("--output", type=Path, default=RESULTS / "trials.json")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    clips = CLIPS[arguments.split] if arguments.clips is None else arguments.clips
    seed = json.loads((arguments.model / RECORD).read_text())["settings"]["seed"]
    read = best_settings(arguments.model)
    (step,) = read["steps"]
    settings: dict[str, Any] = {"step": step, "top_k": read["top_k"], "layers": read["layers"]}
    pipe = CogVideoXPipeline.from_pretrained(str(arguments.model))
    found: Found = {}
    for example in examples(arguments.split, clips):
        for key, values in measured(pipe, example, VARIANTS, **settings).items():
            found.setdefault(key, []).append(values)
    shape = (
        f"{clips} {SPLITS[arguments.split]} clips, model of seed {seed}, layers {read['layers']}, step {step} of 50, "
        f"k = {read['top_k']}"
    )
    Table.continued(arguments.output).add(rows(found, shape))
    print(f"{shape}: {len(found)} maps in {arguments.output}")


def examples(split: str, clips: int) -> list[Example]:
    """The first clips of a split."""
    if split == "validation":
        return [example_of(scene) for scene in validation_scenes(clips)]
    return [read() for read in demo_world(clips).clips.values()]


def rows(found: Found, shape: str) -> list[dict[str, object]]:
    """A row for each measure of each map, with its interval and that of its difference to the published method."""
    table = []
    for (variant, name), clips in found.items():
        published = found[PUBLISHED, name]
        for measure, unit in MEASURES.items():
            own = estimate([clip[measure] for clip in clips])
            pairs = zip(clips, published, strict=True)
            difference = estimate([minus(clip[measure], other[measure]) for clip, other in pairs])
            entry = row(f"{measure} {name}, {variant}", shape, round(own.mean, 4), unit)
            entry |= {"low": round(own.low, 4), "high": round(own.high, 4), "values": own.values}
            ends = {"low": difference.low, "mean": difference.mean, "high": difference.high}
            table.append(entry | {f"difference_{end}": round(value, 4) for end, value in ends.items()})
    return table


def minus(values: list[float], others: list[float]) -> list[float]:
    """The differences of the values of the same concepts."""
    return [value - other for value, other in zip(values, others, strict=True)]


if __name__ == "__main__":
    main()
