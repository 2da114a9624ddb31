"""Chooses how the demo explains, and which clip it shows.

`python -m benchmarks.demo` writes `benchmarks/results/demo.json`. On validation scenes it takes the layers, the step
and `top_k` with the highest sum of two means: the AUC of objects by `gramcol`, and that of motions by `imap`. With
these it explains the first 200 held-out scenes. The clip of the demo is the most typical of them: `typical_clip`.
`imap_fast/demo/run.py` has the choices, and a test compares.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product
from statistics import fmean, median
from typing import Any

import torch
from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, row, write
from imap_fast.demo import world
from imap_fast.demo.run import SETTINGS, scene_caption, shown_maps
from imap_fast.demo.score import concept_masks, score
from imap_fast.demo.shipped_model import MODEL
from imap_fast.demo.validate import STEPS, TOP_K
from imap_fast.explaining.explain import explain
from imap_fast.maps.kinds import MOTION_MAP, THING_MAP
from imap_fast.maps.names import MAP_NAMES
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.bootstrap import estimate
from imap_fast.video import Clip

OUTPUT = RESULTS / "demo.json"
KINDS = {THING_MAP: "objects", MOTION_MAP: "motions"}
MAPS = tuple(KINDS)
Auc = dict[str, dict[str, list[float]]]


def main(argv: Sequence[str] | None = None) -> None:
    """Choose, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validation", type=int, default=24, help="validation scenes to choose settings on")
    parser.add_argument("--held-out", type=int, default=200, help="held-out scenes to choose the clip from")
    arguments = parser.parse_args(argv)
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    pipe.set_progress_bar_config(disable=True)
    candidates = validation(pipe, arguments.validation)
    best = max(candidates, key=lambda each: sum(candidates[each].values()))
    read = dict(zip(("layers", "steps", "top_k"), best, strict=True))
    found = [clip_auc(pipe, seed, read) for seed in range(arguments.held_out)]
    rows = [
        row(f"{kind} by {name}", f"{arguments.validation} validation clips, {describe(*candidate)}", means[name], "AUC")
        for candidate, means in candidates.items()
        for name, kind in KINDS.items()
    ]
    shape = f"{arguments.held_out} held-out clips, {describe(*best)}"
    for name, kind in product(MAP_NAMES, KINDS.values()):
        mean = estimate([each[kind][name] for each in found])
        interval = {"low": mean.low, "high": mean.high, "values": mean.values}
        rows.append(row(f"{kind} by {name}", shape, mean.mean, "AUC") | interval)
    clips = {kind: [fmean(each[kind][name]) for each in found] for name, kind in KINDS.items()}
    rows += [
        row(f"{kind} of held-out clip {seed}", describe(*best), value, "AUC")
        for kind, values in clips.items()
        for seed, value in enumerate(values)
    ]
    write(rows, OUTPUT)
    print(f"{len(rows)} rows in {OUTPUT}: {describe(*best)}, clip {typical_clip(list(clips.values()))}")


def typical_clip(clips: Sequence[Sequence[float]]) -> int:
    """The clip that is nearest to the medians: whose largest distance to the median of a kind is smallest.

    Args:
        clips: the mean AUC of each clip, a sequence for each kind of concept. Of equal clips, the first is taken.
    """
    distances = [[abs(value - median(values)) for value in values] for values in clips]
    largest = [max(clip) for clip in zip(*distances, strict=True)]
    return largest.index(min(largest))


def describe(layers: Sequence[int], steps: Sequence[int], top_k: int) -> str:
    """Settings in words."""
    return f"layers {list(layers)}, step {steps[0]} of 50, top_k {top_k}"


def validation(pipe: Any, scenes: int) -> dict[tuple[tuple[int, ...], tuple[int, ...], int], dict[str, float]]:
    """The mean AUC of objects by `THING_MAP` and of motions by `MOTION_MAP`, for each layers, steps and `top_k`.

    With one noise, to be quick. Each layer is read alone, and the maps of a set are the mean of its layers' maps.
    """
    depth = range(pipe.transformer.config.num_layers)
    sets = [layers for count in depth for layers in combinations(depth, count + 1)]
    found: dict[Any, list[Auc]] = {}
    for seed in range(scenes):
        scene = world.sample(seed, "validation")
        for step, top_k in product(STEPS, TOP_K):
            read = {"steps": (step,), "top_k": top_k, "noises": 1, "maps": MAPS}
            single = [maps_of(pipe, scene, {**read, "layers": (layer,)}) for layer in depth]
            for layers in sets:
                mean = mean_of([single[layer] for layer in layers])
                found.setdefault((layers, (step,), top_k), []).append(auc_of(mean, scene))
    return {
        candidate: {name: fmean(value for each in clips for value in each[kind][name]) for name, kind in KINDS.items()}
        for candidate, clips in found.items()
    }


def mean_of(maps: Sequence[SaliencyMaps]) -> SaliencyMaps:
    """The first maps, with the mean of all as their values."""
    mean = {name: torch.stack([each.maps[name] for each in maps]).mean(0) for name in MAPS}
    return replace(maps[0], maps=mean)


def clip_auc(pipe: Any, seed: int, read: dict[str, Any]) -> Auc:
    """What every map finds of a held-out scene with the settings of the demo, except those in `read`."""
    scene = world.sample(seed, "held_out")
    return auc_of(maps_of(pipe, scene, read), scene)


def maps_of(pipe: Any, scene: world.Scene, read: dict[str, Any]) -> SaliencyMaps:
    """The maps of a scene with the settings of the demo, except those in `read`."""
    arguments = {**SETTINGS, "maps": MAP_NAMES, **read}
    return explain(pipe, Clip(scene.frames, scene.fps), scene_caption(scene), list(shown_maps(scene)), **arguments)


def auc_of(maps: SaliencyMaps, scene: world.Scene) -> Auc:
    """The AUC of each concept of a kind in each map, `{kind: {map: AUCs}}`."""
    shown, masks = shown_maps(scene), concept_masks(scene)
    auc = score(maps, {concept: masks[concept] for concept in shown})
    return {
        kind: {name: [auc[concept][name] for concept in auc if shown[concept] == of_kind] for name in maps.maps}
        for of_kind, kind in KINDS.items()
    }


if __name__ == "__main__":
    main()
