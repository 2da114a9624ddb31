"""The work of `imap-fast eval`: a data set is evaluated into a folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from imap_fast.cli.commit import commit_run, finish_commit
from imap_fast.cli.eval_generation import VIDEO, Generation
from imap_fast.cli.eval_results import check_results
from imap_fast.cli.generation import GENERATED
from imap_fast.cli.localization_table import localization_table
from imap_fast.cli.pictures import draw_missing, pictures, write_results
from imap_fast.cli.progress import progress
from imap_fast.cli.record import NOT_WRITTEN, record_of, verified_record, write_record
from imap_fast.cli.results import (
    FILES,
    NEW,
    REMEDY,
    SomeFailed,
    complain_of,
    not_written_of,
    path_from,
    results_folder,
    working_in,
)
from imap_fast.cli.streams import complain
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.journal import CLIPS, Journal
from imap_fast.evaluate.run import evaluate
from imap_fast.evaluate.worst import worst_figures
from imap_fast.files import sha256_of, write_each
from imap_fast.loading.identity import model_identity, refuse_changed_model, vae_identity
from imap_fast.loading.pipeline import load_pipeline
from imap_fast.loading.vae import load_other_vae
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.version import versions
from imap_fast.video.clip import Clip
from imap_fast.video.read import read_clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS, WORST, VIDEOS = "results.json", "worst", "videos"
"""In the output folder: the measurements, the pictures, and the results of clips without masks."""

REDRAW = "the same command draws it, and measures nothing again"
REGENERATE = "the same command generates it again"

MOST_NAMES = 20
"""The names of what was skipped that results.json has, of each kind."""


class Run:
    """One evaluation.

    Args:
        dataset: the clips.
        loading: arguments of `load_pipeline`.
        vae: a folder or an id of another VAE.
        arguments: of `evaluate`, the seed included.
        output: the folder for everything that is written.
        worst: the number of clips with the lowest AUC to draw.
        traced: arguments of `imap_fast.trace`, to generate the videos of clips that have none. None: all have one.
    """

    def __init__(
        self,
        dataset: DataSet,
        loading: dict[str, str],
        vae: str | None,
        arguments: dict[str, Any],
        output: Path,
        worst: int,
        traced: dict[str, Any] | None = None,
    ) -> None:
        self.dataset, self.loading, self.vae, self.arguments = dataset, loading, vae, arguments
        self.output, self.worst = output, worst
        self.not_written: dict[Path, str] = {}  # of clips without masks
        self.generation = None if traced is None else Generation(dataset, arguments, traced)
        self.skipped = dataset.skipped(dataset.clips)
        self.identity = model_identity(loading["model"]) | vae_identity(vae)
        values = {**dataset.source, **arguments, **loading, **self.identity, "versions": versions()}
        if self.generation is not None:
            values["generation"] = self.generation.settings
        self.options: dict[str, Any] = json.loads(json.dumps(values))

    def evaluate(self, *, overwrite: bool) -> dict[str, Any]:
        """Evaluate what is not evaluated yet, and return the content of results.json.

        Raises:
            ValueError: the output folder holds another evaluation or one of other files, and `overwrite` is off.
        """
        with working_in(self.output):
            finish_commit(self.output / NEW, self.output, RESULTS)
            if not (self.output / CLIPS).exists() and self._holds_another() and not overwrite:
                raise ValueError(f"{self.output} already holds {RESULTS}; {REMEDY}")
            with Journal(self.output, self.options, overwrite=overwrite, remedy=REMEDY) as journal:
                journal.refuse_other_files(self.dataset)
                self._forget_lost_clips(journal)
                self._draw_missing(journal)
                record = None if overwrite else self._finished_record(journal)
                return self._evaluate(journal) if record is None else record

    def _holds_another(self) -> bool:
        """Whether the folder has results. Those of this evaluation do not count if every clip failed."""
        if not (self.output / RESULTS).exists():
            return False
        try:
            record = verified_record(self.output, RESULTS)
            check_results(record)
        except ValueError:
            return True
        clips = record["clips"]
        return record["options"] != self.options or clips["measured"] + clips["unmasked"] > 0

    def _forget_lost_clips(self, journal: Journal) -> None:
        """Evaluate a finished clip without masks again if its folder no longer holds its results, and say so."""
        for name in self.dataset.clips:
            if journal.rows.get(name) != []:
                continue
            folder = self.output / VIDEOS / name
            try:
                record = verified_record(folder)
                if VIDEO in record.get(NOT_WRITTEN, {}):
                    raise ValueError(f"{folder} has no {VIDEO}, which could not be written")
                options = record.get("options", {})
                if not self._clip_options(name, journal.files[name]).items() <= options.items():
                    raise ValueError(f"{folder} holds another run")
            except (ValueError, OSError) as error:
                complain(f"the clip {name} has lost its results, and is evaluated again ({error})")
                del journal.rows[name]

    def _draw_missing(self, journal: Journal) -> None:
        """Draw the pictures of finished clips without masks that could not be drawn before, from their maps."""
        for name in self.dataset.clips:
            folder = self.output / VIDEOS / name
            if journal.rows.get(name) == [] and (before := record_of(folder)).get(NOT_WRITTEN):
                with progress(Console(stderr=True), f"drawing {name}"):
                    record = draw_missing(folder, before, partial(self._video, name))
                self.not_written |= not_written_of(folder, record)

    def _video(self, name: str) -> Clip | Path:
        if self._seed_of(name) is not None:
            return read_clip(self.output / VIDEOS / name / VIDEO)
        return self.dataset.clips[name]().shown

    def _clip_options(self, name: str, files: str) -> dict[str, Any]:
        """What the results of a clip without masks depend on, without the folders of this machine."""
        evaluation = hashlib.sha256(json.dumps(self.options, sort_keys=True).encode()).hexdigest()
        return {"evaluation": evaluation, "clip": name, "files": files}

    def _finished_record(self, journal: Journal) -> dict[str, Any] | None:
        """The content of results.json, if it is undamaged and complete, and made from this journal.

        Otherwise it is made again from the journal.
        """
        if not (self.output / RESULTS).exists():
            return None
        try:
            record = verified_record(self.output, RESULTS)
            check_results(record)
        except ValueError as error:
            complain(f"{self.output / RESULTS} is damaged, and is made again from {CLIPS} ({error})")
            return None
        clips = record["clips"]
        counted = clips["measured"] + clips["unmasked"]
        is_complete = counted == len(self.dataset.clips) and self.dataset.clips.keys() <= journal.rows.keys()
        has_pictures = len(record["worst"]) == min(self.worst, clips["measured"]) and not record.get(NOT_WRITTEN)
        return record if record["journal"] == journal.checksum and is_complete and has_pictures else None

    def _evaluate(self, journal: Journal) -> dict[str, Any]:
        """Load the model, evaluate, and write results.json after everything else."""
        console, began = Console(stderr=True), time.perf_counter()
        new = self.output / NEW
        shutil.rmtree(new, ignore_errors=True)  # of a process that died
        pipe = load_pipeline(**self.loading, console=console)
        arguments = self.arguments | {"vae": load_other_vae(self.vae, pipe)}
        refuse_changed_model(self.loading["model"], self.identity, self.vae)
        if self.generation is not None:
            self.generation.check(pipe)
        try:
            with progress(console, "evaluating", len(self.dataset.clips)) as on_clip_done:
                evaluation = evaluate(
                    pipe,
                    self.dataset,
                    journal=journal,
                    generate=None if self.generation is None else partial(self.generation.generate, pipe),
                    on_unmasked=self._write_unmasked,
                    on_clip_done=on_clip_done,
                    **arguments,
                )
            worst, not_written = evaluation.worst(self.worst), dict[str, str]()
            names = {name: f"{WORST}/{number}.png" for number, name in enumerate(worst, 1)}
            with progress(console, "drawing", len(worst)) as on_drawn:
                for name, draw in worst_figures(pipe, self.dataset, worst, **arguments):
                    not_written |= write_each(new, {names[name]: partial(_save_figure, draw)})
                    on_drawn()
        except BaseException:
            if journal.rows:
                complain(f"finished clips are kept; the same command resumes ({self.output})")
            shutil.rmtree(new, ignore_errors=True)
            raise
        record = {
            "command": "eval",
            "options": self.options,
            "journal": journal.checksum,
            "seconds": round(time.perf_counter() - began, 1),
            **evaluation.record(),
            "skipped": {
                what: {"count": len(names), "names": list(names[:MOST_NAMES])} for what, names in self.skipped.items()
            },
            "seeds": {} if self.generation is None else self.generation.seeds,
            "worst": [
                {
                    "clip": name,
                    "imap_spacetime_auc": auc,
                    "picture": None if names[name] in not_written else names[name],
                }
                for name, auc in worst.items()
            ],
            NOT_WRITTEN: not_written,
        }
        drawn = [name for name in names.values() if name not in not_written]
        try:
            record = write_record(new, record, drawn, RESULTS)
            commit_run(new, self.output, RESULTS)
            for old in (self.output / WORST).glob("*.png"):
                if old.stem.isdecimal() and int(old.stem) > len(worst):  # of earlier results, which had more
                    old.unlink()
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return record

    def _write_unmasked(self, name: str, example: Example, maps: SaliencyMaps) -> None:
        video, seed = example.shown, self._seed_of(name)
        names = FILES if seed is None else GENERATED
        with results_folder(self.output / VIDEOS / name, list(names), overwrite=True) as folder:
            options = self._clip_options(name, self.dataset.digest(name))
            record = {"command": "eval", "model": self.options["model"]}
            record["seed"] = self.options["seed"] if seed is None else seed
            record["vae"] = self.options.get("vae")
            record["options"] = options
            if isinstance(video, Path):
                record["video"] = path_from(self.output / VIDEOS / name, video)
                options["video"] = sha256_of(video)
            writers = {**({} if seed is None else {VIDEO: example.clip.save}), **pictures(maps, lambda: video)}
            record = write_results(folder, maps, writers, record, names)
        self.not_written |= not_written_of(self.output / VIDEOS / name, record)

    def _seed_of(self, name: str) -> int | None:
        """The seed of a clip that is generated. None: it has a video."""
        return None if self.generation is None else self.generation.seeds.get(name)

    def print(self, record: dict[str, Any], *, as_json: bool) -> None:
        """Print the results, and then the clips that failed.

        Raises:
            SomeFailed: a clip could not be evaluated, or a picture not be drawn.
        """
        clips, not_written = record["clips"], not_written_of(self.output, record) | self.not_written
        if as_json:
            names = {file.relative_to(self.output).as_posix(): reason for file, reason in not_written.items()}
            typer.echo(json.dumps(record | {NOT_WRITTEN: names}))
        else:
            if clips["measured"]:
                Console(highlight=False).print(localization_table(record))
            typer.echo(f"{self.output / RESULTS}  all measurements")
            if any(each["picture"] for each in record["worst"]):
                typer.echo(f"{self.output / WORST}  pictures of the worst clips")
            if clips["unmasked"]:
                count = clips["unmasked"]
                typer.echo(f"{self.output / VIDEOS}  the maps of clips without masks: {count}, not measured")
        for what, skipped in self.skipped.items():
            shown = ", ".join(skipped[:3]) + (", …" if len(skipped) > 3 else "")
            complain(f"not read: {len(skipped)} {what}: {shown}")
        complain_of({file: reason for file, reason in not_written.items() if file.name == VIDEO}, REGENERATE)
        complain_of({file: reason for file, reason in not_written.items() if file.name != VIDEO}, REDRAW)
        failed = clips["failed"]
        if failed:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            total = clips["measured"] + clips["unmasked"] + len(failed)
            raise SomeFailed(f"{len(failed)} of {total} clips could not be evaluated: {reasons}")
        if not_written:
            raise SomeFailed


def _save_figure(draw: Callable[[], Figure], path: Path) -> None:
    draw().savefig(path)
