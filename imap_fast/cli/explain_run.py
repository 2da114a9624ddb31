"""The work of `imap-fast explain`: several videos, each explained into its folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from imap_fast.cli.pictures import draw_missing, pictures, write_results
from imap_fast.cli.progress import progress, windows_progress
from imap_fast.cli.record import NOT_WRITTEN, record_of
from imap_fast.cli.results import (
    FILES,
    MAPS,
    SomeFailed,
    complain_of,
    finished_record,
    not_written_of,
    path_from,
    print_results,
    resumable_folder,
    sureness,
    warn_of_doubts,
)
from imap_fast.files import sha256_of
from imap_fast.loading.identity import ModelIdentity, refuse_changed_model
from imap_fast.video.decode import VideoError, VideoFile

if TYPE_CHECKING:
    import torch

    from imap_fast.maps.saliency_maps import SaliencyMaps

REMEDY = "the same command draws it from maps.npz"


class Run:
    """The videos of one command. If there are several, one that cannot be read does not stop the others.

    Args:
        folders: the results folder of each file.
        options: what determines the results, as JSON values.
        overwrite: whether other results are replaced.
    """

    def __init__(self, folders: dict[Path, Path], options: dict[str, Any], *, overwrite: bool) -> None:
        self.folders, self.options, self.overwrite = folders, options, overwrite
        self.options_of: dict[Path, dict[str, Any]] = {}
        self.undrawn: dict[Path, dict[str, Any]] = {}
        self.headlines: dict[Path, str] = {}
        self.failed: dict[Path, str] = {}

    @property
    def remaining(self) -> list[Path]:
        """The videos that are neither finished nor unreadable."""
        return [path for path in self.folders if path not in self.headlines and path not in self.failed]

    @contextmanager
    def _survive(self, path: Path) -> Iterator[None]:
        """Record an unreadable video, if there are others."""
        try:
            yield
        except VideoError as error:
            if len(self.folders) == 1:
                raise
            self.failed[path] = str(error)

    def check_videos(self) -> None:
        """Open every file and look for its results, so that errors are known before the model is loaded."""
        for path, folder in self.folders.items():
            with self._survive(path):
                video = VideoFile(path)
                next(video.timed_frames())
                self.options_of[path] = {"video": video.fingerprint(), **self.options}
                if self.overwrite or not (record := finished_record(folder, list(FILES), self.options_of[path])):
                    continue
                if record.get(NOT_WRITTEN):
                    self.undrawn[path] = record
                else:
                    self.headlines[path] = "done before"

    def explain(self, loading: dict[str, str], arguments: dict[str, Any], identity: ModelIdentity) -> None:
        """Draw what finished runs lack. Then load the model once, if there are other videos, and explain these.

        Args:
            loading: arguments of `load_pipeline`.
            arguments: of `Explainer`.
            identity: of the model, as it is in the options.

        Raises:
            ValueError: the model has changed since.
        """
        import torch

        from imap_fast.explaining.explainer import Explainer
        from imap_fast.loading.pipeline import load_pipeline

        console = Console(stderr=True)
        for path in self.undrawn:
            self._draw_missing(path, console)
        explainer, remaining = None, self.remaining
        with ExitStack() as exits:
            for number, path in enumerate(remaining, 1):
                position = f" ({number} of {len(remaining)})" if len(self.folders) > 1 else ""
                results = resumable_folder(
                    self.folders[path], list(FILES), self.options_of[path], overwrite=self.overwrite
                )
                with self._survive(path), results as unfinished:
                    if explainer is None:
                        pipe = load_pipeline(**loading, console=console)
                        refuse_changed_model(loading["model"], identity)
                        generator = torch.Generator().manual_seed(self.options["seed"])
                        explainer = Explainer(pipe, generator=generator, release_text_encoder=True, **arguments)
                        exits.enter_context(explainer)
                    began = time.perf_counter()
                    with windows_progress(console, f"explaining {path.name}{position}") as on_progress:
                        maps = explainer.explain(
                            path,
                            num_frames=self.options["num_frames"],
                            folder=unfinished / MAPS,
                            on_progress=on_progress,
                        )
                    seconds = time.perf_counter() - began
                    if sha256_of(path) != self.options_of[path]["video"]:
                        shutil.rmtree(unfinished / MAPS)  # nobody goes on from them
                        raise VideoError(f"{path} was changed while it was read; run again")
                    warn_of_doubts(maps, path.name if len(self.folders) > 1 else "")
                    with progress(console, "drawing"):
                        self._write(unfinished, maps, path, dtype=pipe.transformer.dtype, seconds=seconds)
                    self.headlines[path] = f"{maps} in {seconds:.1f} s; {sureness(maps)}"

    def _write(self, folder: Path, maps: SaliencyMaps, path: Path, *, dtype: torch.dtype, seconds: float) -> None:
        record = {
            "command": "explain",
            "video": path_from(self.folders[path], path),
            "model": self.options["model"],
            "dtype": str(dtype).removeprefix("torch."),
            "seed": self.options["seed"],
            "seconds": round(seconds, 2),
            "options": self.options_of[path],
        }
        write_results(folder, maps, pictures(maps, lambda: path), record)

    def _draw_missing(self, path: Path, console: Console) -> None:
        """Draw the pictures of a finished run that could not be drawn before, from its maps."""
        before = self.undrawn[path]
        with progress(console, f"drawing {path.name}"):
            record = draw_missing(self.folders[path], before, lambda: path)
        drawn = [name for name in before[NOT_WRITTEN] if name not in record[NOT_WRITTEN]]
        self.headlines[path] = f"done before; drawn now: {', '.join(drawn)}" if drawn else "done before"

    def print(self, output: Path, *, as_json: bool) -> None:
        """Print what was made, and then what failed.

        Raises:
            SomeFailed: a video could not be read, or a picture not be drawn.
        """
        records = {path: record_of(self.folders[path]) for path in self.headlines}
        failed = {str(path): reason for path, reason in self.failed.items()}
        if len(self.folders) == 1:
            (path,) = records
            print_results(records[path], self.headlines[path], output, FILES, as_json=as_json)
        elif as_json:
            finished = [record | {"folder": str(self.folders[path])} for path, record in records.items()]
            typer.echo(json.dumps({"videos": finished, "failed": failed}))
        else:
            for path, headline in self.headlines.items():
                typer.echo(f"{self.folders[path]}: {headline}")
        undrawn = [not_written_of(self.folders[path], record) for path, record in records.items()]
        for each in undrawn:
            complain_of(each, REMEDY)
        if failed:
            reasons = "; ".join(failed.values())
            raise SomeFailed(f"{len(failed)} of {len(self.folders)} videos could not be read: {reasons}")
        if any(undrawn):
            raise SomeFailed
