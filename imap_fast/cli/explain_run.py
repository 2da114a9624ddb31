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
from imap_fast.cli.progress import frames_progress, progress
from imap_fast.cli.record import NOT_WRITTEN, record_of
from imap_fast.cli.results import (
    FILES,
    MAPS,
    TRACK_FILES,
    SomeFailed,
    complain_of,
    finished_record,
    not_written_of,
    path_from,
    print_results,
    resumable_folder,
    shots_and_rate,
    sureness,
    warn_of_doubts,
)
from imap_fast.cli.video_files import Stretch
from imap_fast.files import sha256_of
from imap_fast.loading.identity import ModelIdentity, refuse_changed_model
from imap_fast.video.decode import VideoError, VideoFile

if TYPE_CHECKING:
    import torch

    from imap_fast.maps.saliency_maps import SaliencyMaps

REMEDY = "the same command draws it from maps.npz"


class Run:
    """The videos of one command, or stretches of them. If there are several, one that cannot be read does not stop the
    others.

    Args:
        folders: the results folder of each stretch.
        options: what determines the results, as JSON values.
        overwrite: whether other results are replaced.
    """

    def __init__(self, folders: dict[Stretch, Path], options: dict[str, Any], *, overwrite: bool) -> None:
        self.folders, self.options, self.overwrite = folders, options, overwrite
        self.options_of: dict[Stretch, dict[str, Any]] = {}
        self.undrawn: dict[Stretch, dict[str, Any]] = {}
        self.headlines: dict[Stretch, str] = {}
        self.failed: dict[Stretch, str] = {}

    @property
    def files(self) -> dict[str, str]:
        """The files of each run, and what they are."""
        return FILES | TRACK_FILES if self.options.get("regions") else FILES

    @property
    def remaining(self) -> list[Stretch]:
        """The stretches that are neither finished nor unreadable."""
        return [each for each in self.folders if each not in self.headlines and each not in self.failed]

    @contextmanager
    def _survive(self, stretch: Stretch) -> Iterator[None]:
        """Record an unreadable video, if there are others."""
        try:
            yield
        except VideoError as error:
            if len(self.folders) == 1:
                raise
            self.failed[stretch] = str(error)

    def check_videos(self) -> None:
        """Open every file and look for its results, so that errors are known before the model is loaded."""
        with progress(Console(stderr=True), "opening", len(self.folders)) as on_opened:
            for stretch, folder in self.folders.items():
                with self._survive(stretch):
                    self._check(stretch, folder)
                on_opened()

    def _check(self, stretch: Stretch, folder: Path) -> None:
        video = VideoFile(*stretch, self.options["stream"])
        next(video.pictures())
        self.options_of[stretch] = {
            "video": self._digest_of(stretch.path),
            "start": stretch.start,
            "end": stretch.end,
            **self.options,
        }
        if self.overwrite or not (record := finished_record(folder, list(self.files), self.options_of[stretch])):
            return
        if record.get(NOT_WRITTEN):
            self.undrawn[stretch] = record
        else:
            self.headlines[stretch] = "done before"

    def _digest_of(self, path: Path) -> str:
        """SHA-256 of a file. One of several stretches is read once."""
        known = (options["video"] for stretch, options in self.options_of.items() if stretch.path == path)
        return next(known, None) or sha256_of(path)

    def explain(
        self, loading: dict[str, str], vae: str | None, arguments: dict[str, Any], identity: ModelIdentity
    ) -> None:
        """Draw what finished runs lack. Then load the model once, if there are other videos, and explain these.

        Args:
            loading: arguments of `load_pipeline`.
            vae: a folder or an id of another VAE.
            arguments: of `Explainer`.
            identity: of the model and the other VAE, as it is in the options.

        Raises:
            ValueError: they have changed since.
        """
        import torch

        from imap_fast.explaining.explainer import Explainer
        from imap_fast.loading.pipeline import load_pipeline
        from imap_fast.loading.vae import load_other_vae

        console = Console(stderr=True)
        for stretch in self.undrawn:
            self._draw_missing(stretch, console)
        explainer, remaining = None, self.remaining
        with ExitStack() as exits:
            for number, stretch in enumerate(remaining, 1):
                position = f" ({number} of {len(remaining)})" if len(self.folders) > 1 else ""
                results = resumable_folder(
                    self.folders[stretch], list(self.files), self.options_of[stretch], overwrite=self.overwrite
                )
                with self._survive(stretch), results as unfinished:
                    if explainer is None:
                        pipe = load_pipeline(**loading, console=console)
                        other_vae = load_other_vae(vae, pipe)
                        refuse_changed_model(loading["model"], identity, vae)
                        generator = torch.Generator().manual_seed(self.options["seed"])
                        explainer = Explainer(
                            pipe, generator=generator, vae=other_vae, release_text_encoder=True, **arguments
                        )
                        exits.enter_context(explainer)
                    began = time.perf_counter()
                    with frames_progress(console, f"explaining {stretch}{position}") as on_progress:
                        maps = explainer.explain(
                            stretch.path,
                            num_frames=self.options["num_frames"],
                            start=stretch.start,
                            end=stretch.end,
                            stream=self.options["stream"],
                            folder=unfinished / MAPS,
                            on_progress=on_progress,
                        )
                    seconds = time.perf_counter() - began
                    if sha256_of(stretch.path) != self.options_of[stretch]["video"]:
                        shutil.rmtree(unfinished / MAPS)  # nobody goes on from them
                        raise VideoError(f"{stretch.path} was changed while it was read; run again")
                    warn_of_doubts(maps, str(stretch) if len(self.folders) > 1 else "")
                    with progress(console, "drawing"):
                        self._write(unfinished, maps, stretch, dtype=pipe.transformer.dtype, seconds=seconds)
                    self.headlines[stretch] = f"{maps} in {seconds:.1f} s; {shots_and_rate(maps)}; {sureness(maps)}"

    def _write(self, folder: Path, maps: SaliencyMaps, stretch: Stretch, *, dtype: torch.dtype, seconds: float) -> None:
        record = {
            "command": "explain",
            "video": path_from(self.folders[stretch], stretch.path),
            "model": self.options["model"],
            "vae": self.options.get("vae"),
            "dtype": str(dtype).removeprefix("torch."),
            "seed": self.options["seed"],
            "seconds": round(seconds, 2),
            "options": self.options_of[stretch],
        }
        write_results(folder, maps, pictures(maps, lambda: stretch.path), record, self.files)

    def _draw_missing(self, stretch: Stretch, console: Console) -> None:
        """Draw the pictures of a finished run that could not be drawn before, from its maps."""
        before = self.undrawn[stretch]
        with progress(console, f"drawing {stretch}"):
            record = draw_missing(self.folders[stretch], before, lambda: stretch.path)
        drawn = [name for name in before[NOT_WRITTEN] if name not in record[NOT_WRITTEN]]
        self.headlines[stretch] = f"done before; drawn now: {', '.join(drawn)}" if drawn else "done before"

    def refuse_failed(self) -> None:
        """Raise SomeFailed, with the reasons, if a video could not be read."""
        if not self.failed:
            return
        reasons = "; ".join(self.failed.values())
        count, videos = f"{len(self.failed)} of {len(self.folders)}", {stretch.path for stretch in self.folders}
        if len(videos) < len(self.folders):
            raise SomeFailed(f"{count} stretches could not be read: {reasons}")
        raise SomeFailed(f"{count} videos could not be read: {reasons}")

    def print(self, output: Path, *, as_json: bool) -> None:
        """Print what was made, and then what failed.

        Raises:
            SomeFailed: a video could not be read, or a picture not be drawn.
        """
        records = {stretch: record_of(self.folders[stretch]) for stretch in self.headlines}
        failed = {stretch.named(str(stretch.path)): reason for stretch, reason in self.failed.items()}
        if len(self.folders) == 1:
            (stretch,) = records
            print_results(records[stretch], self.headlines[stretch], output, self.files, as_json=as_json)
        elif as_json:
            finished = [record | {"folder": str(self.folders[stretch])} for stretch, record in records.items()]
            typer.echo(json.dumps({"videos": finished, "failed": failed}))
        else:
            for stretch, headline in self.headlines.items():
                typer.echo(f"{self.folders[stretch]}: {headline}")
        undrawn = [not_written_of(self.folders[stretch], record) for stretch, record in records.items()]
        for each in undrawn:
            complain_of(each, REMEDY)
        self.refuse_failed()
        if any(undrawn):
            raise SomeFailed
