"""How well the maps of a demo model find their concepts in held-out clips of the demo world.

`python -m benchmarks.localization` writes `benchmarks/results/localization.json`: the means that
`imap-fast eval demo --model demo` prints, with `--match concepts` and with `--match prompt`, and their 95 % confidence
intervals. With `--model` and `--output` it measures another model than the one that ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from diffusers import CogVideoXPipeline

from benchmarks.record import RESULTS, row, write
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.evaluate import demo_world, evaluate
from imap_fast.evaluate.journal import without_nan
from imap_fast.evaluate.localization import AGREEMENT

OUTPUT = RESULTS / "localization.json"
MATCHES = {"concepts": "concepts in a stream of their own", "prompt": "words of a full caption"}
UNITS = {
    "steady": "share of motions",
    "ap": "AP",
    "auc": "AUC",
    "iou": "IoU",
    "pointing": "share of frames",
    "mvc": "share of pixels",
    "j_and_f": "J&F",
    "j": "J",
    "f": "F",
}
"""By a part of the name of the measure; the first one counts."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of a trained demo model")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args(argv)
    read = best_settings(arguments.model)
    pipe = CogVideoXPipeline.from_pretrained(str(arguments.model))
    rows = []
    for match, keys in MATCHES.items():
        found = evaluate(pipe, demo_world(arguments.clips), match=match, **read)
        shape = f"{found.measured} held-out clips, {keys}, layers {read['layers']}, step {read['steps'][0]} of 50"
        rows += [
            row(f"{kind} {measure} {method}", shape, estimate.mean, next(UNITS[key] for key in UNITS if key in measure))
            | {"low": estimate.low, "high": estimate.high, "values": estimate.values}
            for kind, measures in found.estimates().items()
            if kind != "track"  # points are measured by `benchmarks.tracking`
            for measure, methods in measures.items()
            if measure != AGREEMENT  # unknown of one noise
            for method, estimate in methods.items()
        ]
    write([without_nan(each) for each in rows], arguments.output)
    print(f"{len(rows)} rows in {arguments.output}")


if __name__ == "__main__":
    main()
