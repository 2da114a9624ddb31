"""`imap-fast demo`: the model in this package explains a clip that it was not trained on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.record import NOT_WRITTEN, RECORD, write_record
from imap_fast.cli.results import (
    FILES,
    end_incomplete,
    facts,
    not_written_of,
    print_results,
    results_folder,
)

if TYPE_CHECKING:
    from imap_fast.demo.run import Demo

PICTURES = ("grid.png", "overlay.mp4")

DEMO_FILES = {
    "clip.mp4": "a clip that the model was not trained on",
    "scores.json": "how well each map finds its object",
    **FILES,
}

REMEDY = "--overwrite makes everything again"

TITLE = "AUC against the exact masks: 0.5 is chance, 1 is perfect"


def demo(
    output: options.Output = Path("imap-demo"),
    overwrite: options.Overwrite = False,
    backend: options.Backend = "auto",
    as_json: options.Json = False,
) -> None:
    """Explain a rendered clip with the small model in this package, and measure each map against exact masks.

    Writes clip.mp4, maps.npz, overlay.mp4, grid.png, run.json and scores.json together.
    If a picture cannot be written, everything else is, and the exit code is 1.
    """
    console = Console(stderr=True)
    began = time.perf_counter()
    with results_folder(output, list(DEMO_FILES), overwrite=overwrite) as folder:
        from imap_fast.demo.run import run
        from imap_fast.loading.libraries import keep_libraries_quiet
        from imap_fast.maps.saliency_maps import SaliencyMaps

        keep_libraries_quiet(console)
        with progress(console, "explaining a clip that the model was not trained on"):
            result = run(folder, backend=backend)
        seconds = time.perf_counter() - began
        record = {
            "command": "demo",
            "model": "demo",
            "seconds": round(seconds, 2),
            "caption": result.caption,
            "shown": result.shown,
            "auc": result.auc,
        }
        record |= facts(SaliencyMaps.load(folder / "maps.npz")) | {NOT_WRITTEN: result.not_written}
        written = [name for name in DEMO_FILES if name != RECORD and name not in result.not_written]
        record = write_record(folder, record, written)
    print_results(record, f"“{result.caption}”, explained in {seconds:.1f} s", output, DEMO_FILES, as_json=as_json)
    if not as_json:
        Console(highlight=False).print(_scores(result))
    end_incomplete(not_written_of(output, record), REMEDY)


def _scores(demo: Demo) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, title_justify="left", title=TITLE)
    drawn = " and ".join(name for name in PICTURES if name not in demo.not_written)
    table.caption = f"* shown in {drawn}; agreement is of that map" if drawn else "* agreement is of that map"
    table.caption_justify = "left"
    maps = list(next(iter(demo.auc.values())))
    for heading in ("concept", *maps, "agree-\nment"):
        table.add_column(heading.replace("_", "\n"), justify="left" if heading == "concept" else "right")
    for concept, scores in demo.auc.items():
        marked = (f"{'*' if name == demo.shown[concept] else ''}{scores[name]:.2f}" for name in maps)
        table.add_row(Text(concept), *marked, f"{demo.agreement[concept]:.2f}")
    return table
