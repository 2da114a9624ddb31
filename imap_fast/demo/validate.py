"""Chooses the layers and the step that the demo reads, on validation scenes: never on the clip that the demo shows."""

from __future__ import annotations

import json
from functools import partial
from itertools import combinations, count, islice
from pathlib import Path
from statistics import fmean

from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.export import RECORD
from imap_fast.demo.score import BACKGROUND, concept_masks, score
from imap_fast.explain import explain
from imap_fast.files import whole_file
from imap_fast.maps import MAP_NAMES

STEPS = (10, 15, 20, 25, 30, 35, 40, 45)  # of 50, from high noise to low


def validate(folder: Path, *, scenes: int = 8, held_out: int = 40, steps: tuple[int, ...] = STEPS) -> dict:
    """Tries every run of consecutive layers at every step, and notes the best in the model's training.json.

    A map is good if it finds its object in the picture, and if it tells it from the other objects. The best choice has
    the highest mean of both AUCs, over `imap` and `gramcol`, over the objects of a scene, and over scenes. How good it
    is, held-out scenes tell.

    Args:
        folder: an exported model.
        scenes: validation scenes to average over, each of two objects or more.
        held_out: such scenes of combinations that neither training nor validation has.
        steps: candidates, as indices into 50 denoising steps.

    Returns:
        The note: layers, steps, and for `validation` and `held_out` the number of scenes and all four maps' mean AUC
        `in_picture` and `among_objects`.
    """
    pipe = CogVideoXPipeline.from_pretrained(str(folder))
    shown = _several_objects("validation", scenes)
    depth = pipe.transformer.config.num_layers
    choices = [(tuple(range(first, last)), step) for step in steps for first, last in combinations(range(depth + 1), 2)]
    found = {choice: _mean_auc(pipe, shown, *choice, ("imap", "gramcol")) for choice in choices}
    layers, step = max(found, key=lambda choice: sum(sum(both.values()) for both in found[choice].values()))
    note = {"layers": list(layers), "steps": [step]}
    for split, found_in in (("validation", shown), ("held_out", _several_objects("held_out", held_out))):
        mean_auc = _mean_auc(pipe, found_in, layers, step, MAP_NAMES)
        note[split] = {"scenes": len(found_in), "mean_auc": mean_auc}
    record = json.loads((folder / RECORD).read_text())
    with whole_file(folder / RECORD) as unfinished:
        unfinished.write_text(json.dumps(record | {"chosen": note}, indent=2) + "\n")
    return note


def _several_objects(split: str, scenes: int) -> list[world.Scene]:
    """The first scenes of a split that have two objects or more."""
    return list(
        islice((scene for scene in map(partial(world.sample, split=split), count()) if scene.objects[1:]), scenes)
    )


def _mean_auc(
    pipe: CogVideoXPipeline, scenes: list[world.Scene], layers: tuple[int, ...], step: int, names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Each map's AUC in the picture and among objects, averaged over all objects: `{map: {where: AUC}}`."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for scene in scenes:
        masks = concept_masks(scene)
        maps = explain(pipe, scene.frames, scene.caption, list(masks), layers=layers, steps=[step], maps=names)
        in_picture = score(maps, masks)
        among_objects = score(maps, masks, within=~masks[BACKGROUND])
        for thing in scene.objects:
            for name in names:
                found[name].append(
                    {
                        "in_picture": in_picture[thing.label][name],
                        "among_objects": among_objects[thing.label][name],
                    }
                )
    return {
        name: {where: round(fmean(row[where] for row in rows), 4) for where in rows[0]} for name, rows in found.items()
    }
