"""Measures a model on validation scenes, never on the clip that the demo shows, and chooses what the demo reads."""

from __future__ import annotations

import json
from functools import partial
from itertools import combinations, count, islice
from pathlib import Path
from statistics import fmean

from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.score import BACKGROUND, concept_masks, score
from imap_fast.demo.shipped import RECORD
from imap_fast.explain import explain
from imap_fast.files import whole_file
from imap_fast.maps import MAP_NAMES

STEPS = (10, 20, 30, 40, 45)  # of 50, from high noise to low


def validate(folder: Path, *, scenes: int = 8, steps: tuple[int, ...] = STEPS) -> dict:
    """Tries every run of consecutive layers at every step, and notes the best in the model's training.json.

    The best choice has the highest sum of `mean_auc` over all four maps.

    Args:
        folder: an exported model.
        scenes: validation scenes to average over, each of two objects or more.
        steps: candidates, as indices into 50 denoising steps.

    Returns:
        The note: layers, steps, the number of scenes, and all four maps' `mean_auc` there.
    """
    pipe = CogVideoXPipeline.from_pretrained(str(folder))
    shown = several_objects(scenes)
    depth = pipe.transformer.config.num_layers
    choices = [(tuple(range(first, last)), step) for step in steps for first, last in combinations(range(depth + 1), 2)]
    found = {choice: mean_auc(pipe, shown, *choice, MAP_NAMES) for choice in choices}
    layers, step = max(found, key=lambda choice: sum(sum(row.values()) for row in found[choice].values()))
    note = {
        "layers": list(layers),
        "steps": [step],
        "validation": {"scenes": scenes, "mean_auc": found[layers, step]},
    }
    record = json.loads((folder / RECORD).read_text())
    with whole_file(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record | {"chosen": note}, indent=2) + "\n")
    return note


def localization(pipe: CogVideoXPipeline, *, scenes: int = 6, step: int = 40) -> dict[str, float]:
    """How well a model in training finds words, all layers read: `{"imap objects": AUC, …}` (see `mean_auc`)."""
    layers = tuple(range(pipe.transformer.config.num_layers))
    found = mean_auc(pipe, several_objects(scenes), layers, step, ("imap", "cross_attention"))
    return {f"{name} {what}": value for name, row in found.items() for what, value in row.items()}


def several_objects(scenes: int) -> list[world.Scene]:
    """The first validation scenes that have two objects or more."""
    every = map(partial(world.sample, split="validation"), count())
    return list(islice((scene for scene in every if scene.objects[1:]), scenes))


def mean_auc(
    pipe: CogVideoXPipeline, scenes: list[world.Scene], layers: tuple[int, ...], step: int, names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Each map's AUC in space-time, averaged over all scenes.

    Args:
        pipe: the model.
        scenes: each of two objects or more.
        layers: those read.
        step: the one read, of 50.
        names: of the maps.

    Returns:
        `{map: {"objects": …, "among objects": …, "motions": …}}`: of objects in the whole clip, of objects among the
        pixels of all objects, and of motions in the whole clip.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {"objects": [], "among objects": [], "motions": []} for name in names
    }
    for scene in scenes:
        masks = concept_masks(scene)
        maps = explain(pipe, scene.frames, scene.caption, list(masks), layers=layers, steps=[step], maps=names)
        in_clip = score(maps, masks)
        among_objects = score(maps, masks, within=~masks[BACKGROUND])
        for name, row in found.items():
            for thing in scene.objects:
                row["objects"].append(in_clip[thing.label][name])
                row["among objects"].append(among_objects[thing.label][name])
                if thing.moving.any():
                    row["motions"].append(in_clip[thing.motion][name])
    return {name: {what: round(fmean(aucs), 4) for what, aucs in row.items()} for name, row in found.items()}
