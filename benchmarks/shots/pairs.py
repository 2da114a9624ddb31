"""What a cut in a window does to the maps, and whether finding shots costs anything where there is no cut.

`python -m benchmarks.shots.pairs` joins pairs of held-out clips of the demo's world with a hard cut in the middle, and
compares the maps of the first shot: with the cut in the window, with the shots found, and of the shot alone. Then it
looks for cuts in clips that have none. It writes `benchmarks/results/shot-pairs.json`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, row, write
from imap_fast.demo import world
from imap_fast.demo.score import concept_masks
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.ranking import auc
from imap_fast.text.words import BACKGROUND
from imap_fast.video import Clip
from imap_fast.video.shots import find_shots

OUTPUT = RESULTS / "shot-pairs.json"

MAPS = "imap", "gramcol"

Scores = dict[tuple[str, str], list[float]]
"""AUCs by the kind of concept, objects or motions, and the map."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    rows = [*pair_rows(arguments.pairs), *one_shot_rows(arguments.clips)]
    write(rows, arguments.output)
    for each in rows:
        print(f"{each['name']:<58} {each['shape']:<34} {each['value']}")


def pair_rows(pairs: int) -> Iterator[dict[str, object]]:
    """The AUC of the first of two shots, by the way in which the window is read."""
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    ways = "a cut in the window", "shots found", "the shot alone", "shots found, motion heads of the film"
    found: dict[str, Scores] = {way: defaultdict(list) for way in ways}
    exact, changed = 0, []
    for number in range(pairs):
        first, second = (world.sample(2 * number + part, "held_out") for part in range(2))
        middle = len(first.frames) // 2 + 1
        film = Clip(np.concatenate([first.frames[:middle], second.frames[middle:]]), first.fps)

        def explained(clip: Clip, scene: world.Scene = first, **arguments: object) -> SaliencyMaps:
            settings = {**best_settings(), "maps": MAPS, **arguments}
            with Explainer(pipe, scene.caption, list(concept_masks(scene)), **settings) as explainer:
                return explainer.explain(clip)

        across, auto = explained(film, shots="off"), explained(film)
        alone = explained(Clip(film.frames[:middle], film.fps), shots="off")
        heads = explained(film, motion_heads=auto.selected_heads.tolist())
        for way, maps in zip(ways, (across, auto, alone, heads), strict=True):
            _add(found[way], maps, first, middle)
        exact += [shot.frames.start for shot in auto.shots] == [0, middle]
        pairs_of_heads = zip(across.selected_heads.tolist(), alone.selected_heads.tolist(), strict=True)
        changed += [1 - len({*one} & {*other}) / len(one) for one, other in pairs_of_heads]
    shape = f"{pairs} pairs of held-out clips"
    yield row("cuts found at their frame and nowhere else", shape, exact / pairs, "")
    yield row("motion heads that a cut in the window changes", shape, float(np.mean(changed)), "")
    for way, scores in found.items():
        for (kind, name), values in scores.items():
            yield row(
                f"AUC of {kind} by {name}, first shot: {way}", f"{len(values)} concepts", float(np.mean(values)), ""
            )


def _add(scores: Scores, maps: SaliencyMaps, scene: world.Scene, frames: int) -> None:
    """Score the first frames of the maps."""
    masks = {concept: mask[:frames] for concept, mask in concept_masks(scene).items() if concept != BACKGROUND}
    motions = {thing.motion for thing in scene.objects}
    num_frames = maps.settings["video"]["num_frames"]
    height, width = scene.frames.shape[1:3]
    large = {name: maps.upsample(num_frames, height, width, map=name)[:, :frames].numpy() for name in MAPS}
    for concept, mask in masks.items():
        if 0 < mask.sum() < mask.size:
            kind = "motions" if concept in motions else "objects"
            for name, values in large.items():
                scores[kind, name].append(auc(values[maps.index(concept)], mask))


def one_shot_rows(clips: int) -> Iterator[dict[str, object]]:
    """Whether cuts are found where there are none. Without one, the maps are the same, bit for bit."""
    false = 0
    for seed in range(clips):
        scene = world.sample(seed, "held_out", num_frames=150)
        false += sum(begins for _, begins in find_shots((frame, 0.0) for frame in scene.frames)) - 1
    yield row("cuts found in clips of one shot", f"{clips} held-out scenes of 150 frames", false, "")


if __name__ == "__main__":
    main()
