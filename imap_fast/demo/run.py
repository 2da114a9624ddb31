"""The demo: a clip that the shipped model was not trained on, its maps, and their AUC against exact masks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers import CogVideoXPipeline

from imap_fast.demo import world
from imap_fast.demo.score import concept_masks, score
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.explaining.explain import explain
from imap_fast.files import atomic_write
from imap_fast.maps.names import MAP_NAMES
from imap_fast.video import Clip

SEED = 197  # a held-out scene of two objects, both named in the caption
SOFT: dict[str, Any] = {"surrogates": "clip", "noises": 4}
"""Settings of the maps that are measured beside those of the published method."""


@dataclass(frozen=True)
class Demo:
    """The results of the demo.

    Attributes:
        caption: the prompt that the model was given.
        files: the written files by name: clip, maps, overlay, grid, scores.
        auc: AUC of each map against the exact mask, `{concept: {map: AUC}}`. 0.5 is chance, 1 is perfect. `soft_imap`
            and `soft_gramcol` are the maps with the settings `SOFT`.
        agreement: how sure `soft_imap` is, by concept.
    """

    caption: str
    files: dict[str, Path]
    auc: dict[str, dict[str, float]]
    agreement: dict[str, float]


def run(output: Path, *, seed: int = SEED, backend: str = "auto") -> Demo:
    """Render a held-out clip, explain its .mp4 with the shipped model, and write the results.

    The layers and the step that are read were chosen on other scenes (`imap_fast.demo.validate`).

    Args:
        output: folder for clip.mp4, maps.npz, overlay.mp4, grid.png and scores.json; created if missing.
        seed: of the held-out scene.
        backend: of the kernels, as in `imap_fast.trace`.

    Raises:
        OSError: the folder cannot be written.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    files = {
        "clip": output / "clip.mp4",
        "maps": output / "maps.npz",
        "overlay": output / "overlay.mp4",
        "grid": output / "grid.png",
        "scores": output / "scores.json",
    }
    scene = world.sample(seed, "held_out")
    clip = Clip(scene.frames, scene.fps)
    clip.save(files["clip"])

    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    masks = concept_masks(scene)
    read: dict[str, Any] = {**best_settings(), "backend": backend}
    maps = explain(pipe, files["clip"], scene.caption, list(masks), **read, maps=MAP_NAMES)
    soft = explain(pipe, files["clip"], scene.caption, list(masks), **read, **SOFT)
    auc, soft_auc = score(maps, masks), score(soft, masks)
    for concept, scores in auc.items():
        scores |= {f"soft_{name}": value for name, value in soft_auc[concept].items()}
    agreement = dict(zip(soft.labels, (soft.agreements or {})["imap"].tolist(), strict=True))

    maps.save(files["maps"])
    maps.overlay(clip).save(files["overlay"])
    with atomic_write(files["grid"]) as unfinished:
        maps.grid_figure(clip).savefig(unfinished)
    with atomic_write(files["scores"]) as unfinished:
        unfinished.write_text(
            json.dumps({"caption": scene.caption, "auc": auc, "agreement": agreement}, indent=2) + "\n"
        )
    return Demo(scene.caption, files, auc, agreement)
