"""The demo: a clip that the shipped model was not trained on, its maps, and their AUC against exact masks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.captions import full_caption
from imap_fast.demo.score import concept_masks, score
from imap_fast.demo.shipped_model import MODEL
from imap_fast.explaining.explain import explain
from imap_fast.files import atomic_write, write_each
from imap_fast.maps.kinds import MOTION_MAP, THING_MAP
from imap_fast.maps.names import MAP_NAMES
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.grid import grid_figure
from imap_fast.video import Clip

SEED = 138
"""The held-out scene of the demo: of the first 200 the one that is nearest to the median clip, in what is found of its
objects and of its motions (`benchmarks.demo`)."""

SETTINGS: dict[str, Any] = {
    "match": "prompt",
    "surrogates": "clip",
    "noises": 4,
    "layers": (2,),
    "steps": (45,),
    "top_k": 5,
}
"""How the demo explains: words of the caption, with soft surrogates. Layers, step and `top_k` are those whose shown
maps have the highest AUC on validation scenes (`benchmarks.demo`)."""


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Attributes:
        caption: the prompt that the model was given.
        files: the files by name: clip, maps, overlay, grid, scores.
        shown: the name of the map that the pictures show of each concept.
        auc: AUC of each map against the exact mask, `{concept: {map: AUC}}`. 0.5 is chance, 1 is perfect.
        agreement: how sure the shown map of each concept is.
        not_written: why a picture could not be drawn, by the name of its file.
    """

    caption: str
    files: dict[str, Path]
    shown: dict[str, str]
    auc: dict[str, dict[str, float]]
    agreement: dict[str, float]
    not_written: dict[str, str]


def run(output: Path, *, seed: int = SEED, backend: str = "auto") -> Demo:
    """Render a held-out clip, explain its .mp4 with the shipped model, and write the results.

    Args:
        output: folder for clip.mp4, maps.npz, overlay.mp4, grid.png and scores.json; created if missing.
        seed: of the held-out scene.
        backend: of the kernels, as in `imap_fast.trace`.

    Raises:
        ValueError: a negative seed.
        OSError: the folder cannot be written.
    """
    scene, output = world.sample(seed, "held_out"), Path(output)
    output.mkdir(parents=True, exist_ok=True)
    files = {
        "clip": output / "clip.mp4",
        "maps": output / "maps.npz",
        "overlay": output / "overlay.mp4",
        "grid": output / "grid.png",
        "scores": output / "scores.json",
    }
    clip = Clip(scene.frames, scene.fps)
    clip.save(files["clip"])

    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    masks, shown, caption = concept_masks(scene), shown_maps(scene), scene_caption(scene)
    masks = {concept: masks[concept] for concept in shown}
    concepts, motions = ([label for label, name in shown.items() if name == of] for of in (THING_MAP, MOTION_MAP))
    maps = explain(pipe, files["clip"], caption, concepts, motions=motions, **SETTINGS, backend=backend, maps=MAP_NAMES)
    auc, agreement = score(maps, masks), _agreement(maps)

    maps.save(files["maps"])
    with atomic_write(files["scores"]) as unfinished:
        scores = {"caption": caption, "shown": shown, "auc": auc, "agreement": agreement}
        unfinished.write_text(json.dumps(scores, indent=2) + "\n")
    not_written = write_each(
        output,
        {
            files["overlay"].name: lambda path: maps.save_overlay(path, clip),
            files["grid"].name: lambda path: _draw_grid(path, maps, clip, auc, masks),
        },
    )
    return Demo(caption, files, shown, auc, agreement, not_written)


def scene_caption(scene: world.Scene) -> str:
    """The caption that describes all that happens in a scene, so that every concept is one of its words."""
    return full_caption([thing.description for thing in scene.objects])


def shown_maps(scene: world.Scene) -> dict[str, str]:
    """The objects and the motions of a scene, each with the name of its map."""
    objects = {thing.label: THING_MAP for thing in scene.objects}
    return objects | {thing.motion: MOTION_MAP for thing in scene.objects if thing.moving.any()}


def _agreement(maps: SaliencyMaps) -> dict[str, float]:
    return {} if maps.agreement is None else dict(zip(maps.labels, maps.agreement.tolist(), strict=True))


def _draw_grid(
    path: Path, maps: SaliencyMaps, clip: Clip, auc: dict[str, dict[str, float]], masks: dict[str, Any]
) -> None:
    """Write the grid: each concept by its shown map, with the outline of its mask."""
    (labels, values), source = maps.views(list(masks), None), maps.source_video(clip)
    shown = [(label, maps.map_of(label)) for label in labels]
    notes = [f"{name}, AUC {auc[label][name]:.2f}" for label, name in shown]
    grid_figure(source, labels, values, maps.frame_times(len(clip.frames)), notes, masks).savefig(path)
