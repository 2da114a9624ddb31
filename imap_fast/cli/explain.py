"""`imap-fast explain`: the maps of real videos."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from imap_fast.cli import options
from imap_fast.cli.progress import progress, windows_progress
from imap_fast.cli.results import (
    FILES,
    MAPS,
    RECORD,
    SomeFailed,
    already_done,
    resumable_folder,
    tell,
    write_results,
)
from imap_fast.cli.videos import result_folders
from imap_fast.explainer import Explainer
from imap_fast.video import VideoError, VideoFile


def explain(
    videos: Annotated[list[Path], typer.Argument(help="Video files, and folders of them.", show_default=False)],
    model: options.Model,
    prompt: options.Prompt,
    concepts: options.Concepts = None,
    concepts_file: options.ConceptsFile = None,
    match: options.Match = "concepts",
    layers: options.Layers = None,
    steps: options.Steps = None,
    head_score: options.HeadScore = "chi",
    top_k: options.TopK = None,
    normalize: options.Normalize = "none",
    maps: options.Maps = "imap,gramcol",
    pooling: options.Pooling = "first",
    no_background: options.NoBackground = False,
    height: options.Height = None,
    width: options.Width = None,
    num_frames: options.MostFrames = None,
    window: options.WindowFrames = None,
    overlap: options.Overlap = None,
    num_inference_steps: options.NumInferenceSteps = None,
    seed: options.Seed = 0,
    output: options.Output = Path("imap-explain"),
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
    """Show where and when each concept is in real videos of any length.

    Writes maps.npz, overlay.mp4, grid.png and run.json: all of them, or none; for several videos, into a folder each.
    A run that was cut off goes on where it was with the same command; one that is done is not repeated.
    """
    words = options.concept_words(concepts, match, concepts_file)
    asked = options.trace_arguments(
        model,
        match=match,
        layers=layers,
        steps=steps,
        head_score=head_score,
        top_k=top_k,
        normalize=normalize,
        maps=maps,
        pooling=pooling,
        no_background=no_background,
        backend=backend,
        attention_backend=attention_backend,
    )
    asked |= {
        "steps": options.explained_steps(model, asked["steps"], num_inference_steps),
        "height": height,
        "width": width,
        "num_inference_steps": num_inference_steps,
        "window": window,
        "overlap": overlap,
        "windows_per_batch": options.windows_per_batch(windows_per_batch),
    }
    loaded = {"model": model, "dtype": dtype, "device": device, "memory": memory, "quantize": quantize}
    told = {**asked, **loaded, "prompt": prompt, "concepts": words, "num_frames": num_frames, "seed": seed}
    run = Run(result_folders(videos, output), told, overwrite=overwrite)
    run.find_what_is_to_do()
    if run.to_do:
        run.explain(loaded, asked)
    run.tell(output, as_json=as_json)


class Run:
    """Some videos, each explained into its folder; of several, one that cannot be read does not stop the others.

    Args:
        folders: where each file's results go.
        told: the options that decide them, as JSON holds it.
        overwrite: whether other results are replaced.
    """

    def __init__(self, folders: dict[Path, Path], told: dict[str, Any], *, overwrite: bool) -> None:
        self.folders, self.told, self.overwrite = folders, told, overwrite
        self.asked: dict[Path, dict[str, Any]] = {}
        self.headlines: dict[Path, str] = {}
        self.failed: dict[Path, str] = {}

    @property
    def to_do(self) -> list[Path]:
        """The videos that are neither done nor unreadable."""
        return [path for path in self.folders if path not in self.headlines and path not in self.failed]

    @contextmanager
    def survived(self, path: Path) -> Iterator[None]:
        """Notes an unreadable video, where there are others."""
        try:
            yield
        except VideoError as error:
            if len(self.folders) == 1:
                raise
            self.failed[path] = str(error)

    def find_what_is_to_do(self) -> None:
        """Opens every file and looks for results: what is wrong is better known before the model is loaded."""
        for path, folder in self.folders.items():
            with self.survived(path):
                video = VideoFile(path)
                next(video.timed_frames())
                self.asked[path] = json.loads(json.dumps({"video": video.fingerprint(), **self.told}))
                if not self.overwrite and already_done(folder, list(FILES), self.asked[path]):
                    self.headlines[path] = "done before"

    def explain(self, loaded: dict[str, str], asked: dict[str, Any]) -> None:
        """Loads the model once, and explains what is to do."""
        from imap_fast.cli.pipeline import load_pipeline  # with diffusers, which takes seconds; --help does without

        console, explainer, to_do = Console(stderr=True), None, self.to_do
        with ExitStack() as exits:
            for number, path in enumerate(to_do, 1):
                of_several = f" ({number} of {len(to_do)})" if len(self.folders) > 1 else ""
                finding = resumable_folder(self.folders[path], list(FILES), self.asked[path], overwrite=self.overwrite)
                with self.survived(path), finding as unfinished:
                    if explainer is None:
                        pipe = load_pipeline(**loaded, console=console)
                        explainer = Explainer(
                            pipe,
                            self.told["prompt"],
                            self.told["concepts"],
                            generator=torch.Generator().manual_seed(self.told["seed"]),
                            release_text_encoder=True,
                            **asked,
                        )
                        exits.enter_context(explainer)
                    began = time.perf_counter()
                    with windows_progress(console, f"explaining {path.name}{of_several}") as windows_done:
                        found = explainer.explain(
                            path,
                            num_frames=self.told["num_frames"],
                            folder=unfinished / MAPS,
                            windows_done=windows_done,
                        )
                    seconds = time.perf_counter() - began
                    with progress(console, "drawing"):
                        record = {
                            "command": "explain",
                            "video": str(path),
                            "model": self.told["model"],
                            "dtype": str(pipe.transformer.dtype).removeprefix("torch."),
                            "seed": self.told["seed"],
                            "seconds": round(seconds, 2),
                            "asked": self.asked[path],
                        }
                        write_results(unfinished, found, path, record)
                    self.headlines[path] = f"{found} in {seconds:.1f} s"

    def tell(self, output: Path, *, as_json: bool) -> None:
        """Says what was made, and at the end what could not be.

        Raises:
            SomeFailed: where something could not be.
        """
        records = {path: json.loads((self.folders[path] / RECORD).read_text()) for path in self.headlines}
        if len(self.folders) == 1:
            (path,) = records
            tell(records[path], self.headlines[path], output, FILES, as_json=as_json)
            return
        failed = {str(path): reason for path, reason in self.failed.items()}
        if as_json:
            made = [record | {"folder": str(self.folders[path])} for path, record in records.items()]
            typer.echo(json.dumps({"videos": made, "failed": failed}))
        else:
            for path, headline in self.headlines.items():
                typer.echo(f"{self.folders[path]}: {headline}")
        if failed:
            told = "; ".join(failed.values())
            raise SomeFailed(f"{len(failed)} of {len(self.folders)} videos could not be read: {told}")
