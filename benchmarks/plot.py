"""The plot of the pipeline benchmark. `python -m benchmarks.plot FILE…` draws each file into `docs/images`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.record import PICTURES

NAMES = {
    "stock": "stock",
    "traced": "traced: imap and gramcol",
    "traced_stock_attention": "traced, stock QK norm and RoPE",
    "traced_all_maps": "traced: all four maps",
    "traced_one_pass": "traced: gramcol and head scores from one pass",
    "traced_clip": "traced: soft surrogates of the clip",
    "explain": "explain's forward",
    "authors": "published code",
}


def plot(rows: list[dict[str, object]], path: Path, device: str) -> None:
    """Bars with the seconds of every variant, one panel for each model. The number after a bar is relative to stock.

    Args:
        rows: from `benchmarks.pipeline`.
        path: of the PNG.
        device: for the title.
    """
    panels: dict[str, dict[str, float]] = {}
    for row in rows:
        variant, found, model = str(row["name"]).partition("_seconds_")
        if found and "sweep" not in model:
            panels.setdefault(str(row["shape"]), {})[variant] = float(row["value"])
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(8, 0.6 + 0.45 * sum(len(p) + 1 for p in panels.values())),
        squeeze=False,
        gridspec_kw={"height_ratios": [len(panel) + 0.6 for panel in panels.values()]},
        layout="constrained",
    )
    for axis, (shape, seconds) in zip(axes[:, 0], panels.items(), strict=True):
        names = list(seconds)
        bars = axis.barh(
            names, seconds.values(), color=["#9aa0a6" if n == "stock" else "#4269d0" for n in names], height=0.7
        )
        ratios = [f" {seconds[name]:.3g} s   {seconds[name] / seconds['stock']:.2f} ×" for name in names]
        axis.bar_label(bars, ratios, fontsize=9)
        axis.set_yticks(range(len(names)), [NAMES[name] for name in names])
        axis.set_title(shape, loc="left", fontsize=10)
        axis.invert_yaxis()
        axis.set_xlim(0, 1.3 * max(seconds.values()))
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel("seconds, median" if axis is axes[-1, 0] else "")
    figure.suptitle(device, fontsize=11)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the pictures of files of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="JSON, from benchmarks.pipeline or benchmarks.gpu")
    for path in parser.parse_args(argv).files:
        report = json.loads(path.read_text())
        plot(report["rows"], PICTURES / f"{path.stem}.png", report["device"])


if __name__ == "__main__":
    main()
