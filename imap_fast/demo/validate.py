"""Measures a model on validation scenes, never on the clip that the demo shows, and chooses what the demo reads."""

from __future__ import annotations

import json
from functools import partial
from itertools import combinations, count, islice, product
from pathlib import Path
from statistics import fmean
from typing import Any

from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.score import BACKGROUND, concept_masks, score
from imap_fast.demo.shipped import RECORD
from imap_fast.explaining.explain import explain
from imap_fast.files import atomic_write
from imap_fast.maps.names import MAP_NAMES
from imap_fast.metrics.ranking import auc

STEPS = (30, 40, 45)  # of 50, from high noise to low
TOP_K = (1, 2, 5)  # of 8 heads; the published 5 is of 30 or 48
Reading = dict[str, Any]
"""What is read of a model: `layers`, `steps` and `top_k` of `imap_fast.explain`."""


def validate(folder: Path, *, scenes: int = 16, steps: tuple[int, ...] = STEPS) -> dict:
    """Tries every set of layers at every step with every `k`, and notes the best in training.json.

    The best is what `at_best` puts highest.

    Args:
        folder: an exported model.
        scenes: validation scenes to average over, each of two objects or more.
        steps: candidates, as indices into 50 denoising steps.

    Returns:
        The note: layers, steps, top_k, the number of scenes, and all four maps' `mean_auc` there.
    """
    pipe = CogVideoXPipeline.from_pretrained(str(folder))
    shown = several_objects(scenes)
    depth = pipe.transformer.config.num_layers
    found = []
    sets = [layers for size in range(1, depth + 1) for layers in combinations(range(depth), size)]
    for step, layers in product(steps, sets):
        reading = {"layers": list(layers), "steps": [step]}
        # Only `imap` depends on k.
        others = mean_auc(pipe, shown, tuple(name for name in MAP_NAMES if name != "imap"), **reading)
        for top_k in TOP_K:
            imap = mean_auc(pipe, shown, ("imap",), **reading, top_k=top_k)
            found.append((reading | {"top_k": top_k}, imap | others))
    reading, aucs = max(found, key=lambda each: at_best(each[1]))
    note = {**reading, "validation": {"scenes": scenes, "mean_auc": aucs}}
    record = json.loads((folder / RECORD).read_text())
    with atomic_write(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record | {"chosen": note}, indent=2) + "\n")
    return note


def at_best(aucs: dict[str, dict[str, float]]) -> tuple[float, float]:
    """What the best map finds of objects plus what the best finds of motions; among equals, what `imap` finds of both.

    To hundredths, and not of when motions last: over the few scenes there are to choose by, all else is chance.
    """
    best = sum(max(row[what] for row in aucs.values()) for what in ("objects", "motions"))
    return round(best, 2), aucs["imap"]["objects"] + aucs["imap"]["motions"]


def localization(pipe: CogVideoXPipeline, *, scenes: int = 6, step: int = 40) -> dict[str, float]:
    """How well a model in training finds words, all layers read: `{"imap objects": AUC, …}` (see `mean_auc`)."""
    layers = tuple(range(pipe.transformer.config.num_layers))
    found = mean_auc(pipe, several_objects(scenes), ("imap", "cross_attention"), layers=layers, steps=[step])
    return {f"{name} {what}": value for name, row in found.items() for what, value in row.items()}


def several_objects(scenes: int) -> list[world.Scene]:
    """The first validation scenes that have two objects or more."""
    every = map(partial(world.sample, split="validation"), count())
    return list(islice((scene for scene in every if scene.objects[1:]), scenes))


def mean_auc(
    pipe: CogVideoXPipeline, scenes: list[world.Scene], names: tuple[str, ...], **reading: Any
) -> dict[str, dict[str, float]]:
    """Each map's AUC, averaged over all scenes.

    Args:
        pipe: the model.
        scenes: each of two objects or more.
        names: of the maps.
        reading: see `Reading`.

    Returns:
        `{map: {"objects": …, "among objects": …, "motions": …, "when": …}}`: in space-time, of objects in the whole
        clip, of objects among the pixels of all objects, and of motions in the whole clip; and over frames, of motions
        that begin or end.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {"objects": [], "among objects": [], "motions": [], "when": []} for name in names
    }
    for scene in scenes:
        masks = concept_masks(scene)
        maps = explain(pipe, scene.frames, scene.caption, list(masks), maps=names, **reading)
        in_clip = score(maps, masks)
        among_objects = score(maps, masks, within=~masks[BACKGROUND])
        for name, row in found.items():
            over_frames = maps.upsample(*masks[BACKGROUND].shape, map=name).mean((2, 3)).numpy()
            for thing in scene.objects:
                row["objects"].append(in_clip[thing.label][name])
                row["among objects"].append(among_objects[thing.label][name])
                if thing.moving.any():
                    row["motions"].append(in_clip[thing.motion][name])
                if 0 < thing.moving.sum() < len(thing.moving):
                    row["when"].append(auc(over_frames[maps.index(thing.motion)], thing.moving))
    return {name: {what: round(fmean(aucs), 4) for what, aucs in row.items()} for name, row in found.items()}
