"""The validation of a demo model: its AUC on validation scenes, and the layers, step and `top_k` that suit it best.

The clip of the demo is a held-out scene, so it has no influence on this choice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from itertools import combinations, islice, product
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.score import BACKGROUND, concept_masks, score
from imap_fast.demo.shipped_model import RECORD
from imap_fast.explaining.explain import explain
from imap_fast.files import atomic_write
from imap_fast.maps.names import MAP_NAMES
from imap_fast.metrics.ranking import auc

STEPS = (30, 40, 45)  # of 50, from high noise to low
TOP_K = (1, 2, 5)  # of 8 heads; the published 5 is for models of 30 or 48
TraceSettings = dict[str, Any]
"""`layers`, `steps` and `top_k` of `imap_fast.explain`."""


def validate(
    folder: Path,
    *,
    scenes: int = 16,
    steps: tuple[int, ...] = STEPS,
    device: torch.device | str = "cpu",
    is_over: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Try every set of layers at every step with every `top_k`, and record the best in training.json.

    `ranking_key` defines the best. Small sets are tried first.

    Args:
        folder: an exported model.
        scenes: number of validation scenes.
        steps: candidates, as indices into 50 denoising steps.
        device: of the model.
        is_over: whether the time is over, so that the best set so far is recorded. At least one set is tried.

    Returns:
        The entry in training.json: layers, steps, top_k, the number of scenes, the `mean_auc` of all four maps, and how
        many pairs of a set and a step were `tried` out of all `candidates`.
    """
    pipe = CogVideoXPipeline.from_pretrained(str(folder)).to(device)
    samples = validation_scenes(scenes)
    depth = pipe.transformer.config.num_layers
    candidates: list[tuple[TraceSettings, dict[str, dict[str, float]]]] = []
    sets = [layers for size in range(1, depth + 1) for layers in combinations(range(depth), size)]
    pairs = list(product(sets, steps))
    for layers, step in pairs:
        settings: TraceSettings = {"layers": list(layers), "steps": [step]}
        # Only `imap` depends on `top_k`.
        others = mean_auc(pipe, samples, tuple(name for name in MAP_NAMES if name != "imap"), **settings)
        for top_k in TOP_K:
            imap = mean_auc(pipe, samples, ("imap",), **settings, top_k=top_k)
            candidates.append((settings | {"top_k": top_k}, imap | others))
        if is_over():
            break
    settings, aucs = max(candidates, key=lambda candidate: ranking_key(candidate[1]))
    validation = {"scenes": scenes, "tried": len(candidates) // len(TOP_K), "candidates": len(pairs), "mean_auc": aucs}
    entry = {**settings, "validation": validation}
    record = json.loads((folder / RECORD).read_text())
    with atomic_write(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record | {"chosen": entry}, indent=2) + "\n")
    return entry


def ranking_key(aucs: dict[str, dict[str, float]]) -> tuple[float, float]:
    """The key by which `validate` ranks settings.

    It is the highest AUC of any map for objects plus that for motions, in hundredths. `imap` alone decides between
    equals. Smaller differences, and the AUC of the column "when", are chance over so few scenes.
    """
    best = sum(max(row[what] for row in aucs.values()) for what in ("objects", "motions"))
    return round(best, 2), aucs["imap"]["objects"] + aucs["imap"]["motions"]


def localization(pipe: CogVideoXPipeline, *, scenes: int = 6, step: int = 40) -> dict[str, float]:
    """The `mean_auc` of a model in training over all its layers, as columns of a log: `{"imap objects": AUC, …}`."""
    layers = tuple(range(pipe.transformer.config.num_layers))
    aucs = mean_auc(pipe, validation_scenes(scenes), ("imap", "cross_attention"), layers=layers, steps=[step])
    return {f"{name} {what}": value for name, row in aucs.items() for what, value in row.items()}


def validation_scenes(count: int) -> list[world.Scene]:
    """The first `count` validation scenes with at least two objects."""
    scenes = map(partial(world.sample, split="validation"), itertools.count())
    return list(islice((scene for scene in scenes if scene.objects[1:]), count))


def mean_auc(
    pipe: CogVideoXPipeline, scenes: list[world.Scene], names: tuple[str, ...], **settings: Any
) -> dict[str, dict[str, float]]:
    """The mean AUC of each map over all scenes.

    Args:
        pipe: the model.
        scenes: scenes with at least two objects.
        names: of the maps.
        settings: as in `TraceSettings`.

    Returns:
        `{map: {column: AUC}}`, with four columns. "objects": objects in space-time. "among objects": the same among the
        pixels of all objects. "motions": motions in space-time. "when": motions that begin or end within the clip, over
        frames.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {"objects": [], "among objects": [], "motions": [], "when": []} for name in names
    }
    for scene in scenes:
        masks = concept_masks(scene)
        maps = explain(pipe, scene.frames, scene.caption, list(masks), maps=names, **settings)
        num_frames, height, width = scene.frames.shape[:3]
        in_clip = score(maps, masks)
        among_objects = score(maps, masks, within=~masks[BACKGROUND])
        for name, row in found.items():
            over_frames = maps.upsample(num_frames, height, width, map=name).mean((2, 3)).numpy()
            for thing in scene.objects:
                row["objects"].append(in_clip[thing.label][name])
                row["among objects"].append(among_objects[thing.label][name])
                if thing.moving.any():
                    row["motions"].append(in_clip[thing.motion][name])
                if 0 < thing.moving.sum() < len(thing.moving):
                    row["when"].append(auc(over_frames[maps.index(thing.motion)], thing.moving))
    return {name: {what: round(fmean(aucs), 4) for what, aucs in row.items()} for name, row in found.items()}
