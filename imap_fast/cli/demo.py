"""`imap-fast demo`: the shipped model explains a clip that it never saw."""

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imap_fast.cli import options
from imap_fast.cli.progress import progress
from imap_fast.cli.results import FILES, describe, results_folder, tell, write_record
from imap_fast.maps import SaliencyMaps

DEMO_FILES = {
    "clip.mp4": "a clip that the model never saw",
    **FILES,
    "scores.json": "how well each map finds its object",
}


def demo(
    output: options.Output = Path("imap-demo"),
    overwrite: options.Overwrite = False,
    backend: options.Backend = "auto",
    as_json: options.Json = False,
) -> None:
    """Explain a rendered clip with the small model shipped here, and measure each map against the truth.

    Writes clip.mp4, maps.npz, overlay.mp4, grid.png, run.json and scores.json: all of them, or none.
    """
    # With diffusers, which takes seconds; --help does without.
    from imap_fast.cli.pipeline import keep_libraries_quiet
    from imap_fast.demo.run import run

    console = Console(stderr=True)
    keep_libraries_quiet(console)
    began = time.perf_counter()
    with results_folder(output, list(DEMO_FILES), overwrite=overwrite) as folder:
        with progress(console, "explaining a clip that the model never saw"):
            shown = run(folder, backend=backend)
        seconds = time.perf_counter() - began
        record = {"command": "demo", "seconds": round(seconds, 2), "caption": shown.caption, "auc": shown.auc}
        record |= describe(SaliencyMaps.load(folder / "maps.npz"))
        write_record(folder, record)
    tell(record, f"“{shown.caption}”, explained in {seconds:.1f} s", output, DEMO_FILES, as_json=as_json)
    if not as_json:
        Console(highlight=False).print(_scores(shown.auc))


def _scores(auc: dict[str, dict[str, float]]) -> Table:
    maps = list(next(iter(auc.values())))
    table = Table(title="AUC against the exact masks: 0.5 is chance, 1 is perfect", title_justify="left")
    for heading in ("concept", *maps):
        table.add_column(heading, justify="left" if heading == "concept" else "right")
    for concept, scores in auc.items():
        table.add_row(Text(concept), *(f"{scores[name]:.2f}" for name in maps))
    return table
