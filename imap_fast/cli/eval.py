"""`imap-fast eval`: how well the maps find their concepts."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.localization_table import localization_table
from imap_fast.cli.progress import progress
from imap_fast.cli.results import FILES, SomeFailed, results_folder, write_results
from imap_fast.files import whole_file
from imap_fast.version import versions

if TYPE_CHECKING:
    from imap_fast.evaluate.example import DataSet, Example
    from imap_fast.evaluate.journal import Journal
    from imap_fast.maps import SaliencyMaps

RESULTS, WORST, VIDEOS = "results.json", "worst", "videos"
"""In the results folder: what was measured; pictures; the results of clips without masks."""


def eval(
    data: Annotated[
        str,
        typer.Argument(
            help="demo, a folder in the layout of DAVIS or YouTube-VOS, or a .json list of videos.", show_default=False
        ),
    ],
    model: options.Model,
    captions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help='Of a folder, {clip: {"caption": …, "concepts": {number: name}}}; else its meta.json.'
        ),
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the videos of a list are; else beside it.")
    ] = None,
    clips: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The first so many; else all, of demo 200.")
    ] = None,
    worst: Annotated[int, typer.Option(metavar="N", min=0, help="Clips with the lowest AUC to draw.")] = 6,
    match: options.Match = "concepts",
    layers: options.Layers = None,
    steps: options.Steps = None,
    head_score: options.HeadScore = "chi",
    top_k: options.TopK = None,
    normalize: options.Normalize = "none",
    pooling: options.Pooling = "first",
    height: options.Height = None,
    width: options.Width = None,
    window: options.WindowFrames = None,
    overlap: options.Overlap = None,
    num_inference_steps: options.NumInferenceSteps = None,
    seed: options.Seed = 0,
    output: options.Output = Path("imap-eval"),
    overwrite: options.Overwrite = False,
    dtype: options.Dtype = "auto",
    device: options.Device = "auto",
    memory: options.Memory = "auto",
    quantize: options.Quantize = "none",
    windows_per_batch: options.WindowsPerBatch = "1",
    backend: options.Backend = "auto",
    attention_backend: options.AttentionBackend = None,
    as_json: options.Json = False,
) -> None:
    """Measure how well the maps find their concepts, in space and in time, against masks.

    Writes results.json and pictures of the worst clips; of clips without masks, what explain writes, into videos.
    A run that was cut off goes on where it was with the same command; one that is done is not repeated.
    """
    asked = options.trace_arguments(
        model,
        match=match,
        layers=layers,
        steps=steps,
        head_score=head_score,
        top_k=top_k,
        normalize=normalize,
        maps="imap",
        pooling=pooling,
        no_background=False,
        backend=backend,
        attention_backend=attention_backend,
    )
    del asked["maps"]  # every one is measured
    asked |= {
        "steps": options.explained_steps(model, asked["steps"], num_inference_steps),
        "height": height,
        "width": width,
        "num_inference_steps": num_inference_steps,
        "window": window,
        "overlap": overlap,
        "windows_per_batch": options.windows_per_batch(windows_per_batch),
    }
    # With diffusers, which takes seconds; --help does without.
    from imap_fast.evaluate.datasets import open_dataset
    from imap_fast.evaluate.journal import CLIPS, Journal

    dataset = open_dataset(data, captions=captions, videos=videos, clips=clips)
    loaded = {"model": model, "dtype": dtype, "device": device, "memory": memory, "quantize": quantize}
    told = json.loads(json.dumps({**dataset.source, **asked, **loaded, "seed": seed, "versions": versions()}))
    if (output / RESULTS).exists() and not (output / CLIPS).exists() and not overwrite:
        raise ValueError(f"{output} already holds {RESULTS}; pass --overwrite or another --output")
    journal = Journal(output, told, anew=overwrite)
    record = None if overwrite else _done_before(output, told, dataset, worst)
    if record is None:
        record = _evaluate(dataset, journal, output, told, loaded, asked | {"seed": seed}, worst)
    _tell(record, output, as_json=as_json)


def _done_before(output: Path, told: dict[str, Any], dataset: "DataSet", worst: int) -> dict[str, Any] | None:
    """The results in the folder, where they are those of this command."""
    if not (output / RESULTS).exists():
        return None
    record = json.loads((output / RESULTS).read_text("utf-8"))
    clips = record["clips"]
    is_same = record["asked"] == told and clips["measured"] + clips["unmasked"] == len(dataset.clips)
    return record if is_same and len(record["worst"]) == min(worst, clips["measured"]) else None


def _evaluate(
    dataset: "DataSet",
    journal: "Journal",
    output: Path,
    told: dict[str, Any],
    loaded: dict[str, str],
    arguments: dict[str, Any],
    worst: int,
) -> dict[str, Any]:
    """Loads the model, evaluates what is left to do, and writes results.json when all else is written."""
    from imap_fast.cli.pipeline import load_pipeline
    from imap_fast.evaluate.run import evaluate
    from imap_fast.evaluate.worst import worst_figures

    def keep(name: str, example: "Example", maps: "SaliencyMaps") -> None:
        with results_folder(output / VIDEOS / name, list(FILES), overwrite=True) as folder:
            record = {"command": "eval", "video": str(example.video), "model": loaded["model"], "seed": told["seed"]}
            write_results(folder, maps, example.video, record)

    console, began = Console(stderr=True), time.perf_counter()
    pipe = load_pipeline(**loaded, console=console)
    try:
        with progress(console, "evaluating", len(dataset.clips)) as clip_done:
            found = evaluate(pipe, dataset, journal=journal, explained=keep, clip_done=clip_done, **arguments)
        shown = found.worst(worst)
        with progress(console, "drawing", len(shown)) as drawn:
            for number, (_, figure) in enumerate(worst_figures(pipe, dataset, shown, **arguments), 1):
                with whole_file(output / WORST / f"{number}.png") as unfinished:
                    figure.savefig(unfinished)
                drawn()
    except BaseException:
        if journal.rows:
            typer.echo(f"imap-fast: what was done is kept; the same command goes on from there ({output})", err=True)
        raise
    pictures = [
        {"clip": name, "imap_spacetime_auc": auc, "picture": f"{WORST}/{number}.png"}
        for number, (name, auc) in enumerate(shown.items(), 1)
    ]
    seconds = {"seconds": round(time.perf_counter() - began, 1)}
    record = {"command": "eval", "asked": told, **seconds, **found.record(), "worst": pictures}
    with whole_file(output / RESULTS) as unfinished:
        unfinished.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", "utf-8")
    return record


def _tell(record: dict[str, Any], output: Path, *, as_json: bool) -> None:
    """Says what was found, and at the end which clips could not be evaluated.

    Raises:
        SomeFailed: where some could not.
    """
    clips = record["clips"]
    if as_json:
        typer.echo(json.dumps(record))
    else:
        if clips["measured"]:
            Console(highlight=False).print(localization_table(record))
        typer.echo(f"{output / RESULTS}  all of it")
        if record["worst"]:
            typer.echo(f"{output / WORST}  the worst clips, drawn")
        if clips["unmasked"]:
            count = clips["unmasked"]
            typer.echo(f"{output / VIDEOS}  the maps of {count} without masks, where there is nothing to measure")
    failed = clips["failed"]
    if failed:
        told = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        done = clips["measured"] + clips["unmasked"]
        raise SomeFailed(f"{len(failed)} of {done + len(failed)} clips could not be evaluated: {told}")
