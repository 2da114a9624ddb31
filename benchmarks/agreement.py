"""Does `agreement` say what another set of noises would give? Measured with the demo model on held-out clips.

`python -m benchmarks.agreement` explains each clip twice, with noises that share nothing, and compares the agreement of
the first maps with the correlation of the first and the second ones, concept by concept. It writes
`benchmarks/results/agreement.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import CogVideoXPipeline
from scipy.stats import spearmanr

from benchmarks.record import RESULTS, row, write
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.evaluate import demo_world
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.names import CONTRASTED
from imap_fast.maps.saliency_maps import SaliencyMaps

OUTPUT = RESULTS / "agreement.json"
SURROGATES = ("argmax", "clip")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--noises", type=int, default=4)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    rows = []
    for surrogates in SURROGATES:
        said, found = compared(pipe, arguments.clips, arguments.noises, surrogates)
        for name in CONTRASTED:
            shape = f"{name}, {surrogates}, {arguments.noises} noises, {len(said[name])} concepts of held-out clips"
            rows += [
                row("rank correlation of agreement and measured correlation", shape, rank(said[name], found[name]), ""),
                row("mean agreement", shape, float(np.mean(said[name])), ""),
                row("mean measured correlation", shape, float(np.mean(found[name])), ""),
            ]
    write(rows, arguments.output)
    print(f"{len(rows)} rows in {arguments.output}")


def compared(
    pipe: CogVideoXPipeline, clips: int, noises: int, surrogates: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """By map, for each concept: the agreement, and the correlation with the map of as many other noises."""
    said: dict[str, list[float]] = {name: [] for name in CONTRASTED}
    found: dict[str, list[float]] = {name: [] for name in CONTRASTED}
    for read in demo_world(clips).clips.values():
        example = read()

        def explained(seed: int, example=example) -> SaliencyMaps:
            generator = torch.Generator().manual_seed(seed)
            arguments = {**best_settings(), "surrogates": surrogates, "noises": noises, "generator": generator}
            with Explainer(pipe, example.caption, list(example.concepts), **arguments) as explainer:
                return explainer.explain(example.video)

        first, second = explained(0), explained(1)
        for name in CONTRASTED:
            said[name] += (first.agreements or {})[name].tolist()
            found[name] += map(correlation, first.maps[name].numpy(), second.maps[name].numpy())
    return said, found


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two maps `[F, H, W]`."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def rank(said: list[float], found: list[float]) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(said, found).statistic)


if __name__ == "__main__":
    main()
