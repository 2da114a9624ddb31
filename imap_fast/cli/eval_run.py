"""The work of `imap-fast eval`: a data set is evaluated into a folder."""

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from imap_fast.cli.commit import commit, finish_commit
from imap_fast.cli.eval_results import check_results
from imap_fast.cli.localization_table import localization_table
from imap_fast.cli.progress import progress
from imap_fast.cli.record import verified_record, write_record
from imap_fast.cli.results import (
    FILES,
    NEW,
    REMEDY,
    SomeFailed,
    path_from,
    results_folder,
    working_in,
    write_results,
)
from imap_fast.cli.streams import complain
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.journal import CLIPS, Journal
from imap_fast.evaluate.run import evaluate
from imap_fast.evaluate.worst import worst_figures
from imap_fast.files import atomic_write, sha256_of
from imap_fast.loading.identity import model_identity, refuse_changed_model
from imap_fast.loading.pipeline import load_pipeline
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.version import versions

RESULTS, WORST, VIDEOS = "results.json", "worst", "videos"
"""In the output folder: the measurements, the pictures, and the results of clips without masks."""


class Run:
    """One evaluation.

    Args:
        dataset: the clips.
        loading: arguments of `load_pipeline`.
        arguments: of `evaluate`, the seed included.
        output: the folder for everything that is written.
        worst: the number of clips with the lowest AUC to draw.
    """

    def __init__(
        self, dataset: DataSet, loading: dict[str, str], arguments: dict[str, Any], output: Path, worst: int
    ) -> None:
        self.dataset, self.loading, self.arguments = dataset, loading, arguments
        self.output, self.worst = output, worst
        self.identity = model_identity(loading["model"])
        values = {**dataset.source, **arguments, **loading, **self.identity, "versions": versions()}
        self.options: dict[str, Any] = json.loads(json.dumps(values))

    def evaluate(self, *, overwrite: bool) -> dict[str, Any]:
        """Evaluate what is not evaluated yet, and return the content of results.json.

        Raises:
            ValueError: the output folder holds another evaluation or one of other files, and `overwrite` is off.
        """
        with working_in(self.output):
            finish_commit(self.output / NEW, self.output, RESULTS)
            if (self.output / RESULTS).exists() and not (self.output / CLIPS).exists() and not overwrite:
                raise ValueError(f"{self.output} already holds {RESULTS}; {REMEDY}")
            with Journal(self.output, self.options, overwrite=overwrite, remedy=REMEDY) as journal:
                journal.refuse_other_files(self.dataset)
                self._forget_lost_clips(journal)
                record = None if overwrite else self._finished_record(journal)
                return self._evaluate(journal) if record is None else record

    def _forget_lost_clips(self, journal: Journal) -> None:
        """Evaluate a finished clip without masks again if its folder no longer holds its results, and say so."""
        for name in self.dataset.clips:
            if journal.rows.get(name) != []:
                continue
            folder = self.output / VIDEOS / name
            try:
                options = verified_record(folder).get("options", {})
                if not self._clip_options(name, journal.files[name]).items() <= options.items():
                    raise ValueError(f"{folder} holds another run")
            except (ValueError, OSError) as error:
                complain(f"the clip {name} has lost its results, and is evaluated again ({error})")
                del journal.rows[name]

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
        has_pictures = len(record["worst"]) == min(self.worst, clips["measured"])
        return record if record["journal"] == journal.checksum and is_complete and has_pictures else None

    def _evaluate(self, journal: Journal) -> dict[str, Any]:
        """Load the model, evaluate, and write results.json after everything else."""
        console, began = Console(stderr=True), time.perf_counter()
        new = self.output / NEW
        shutil.rmtree(new, ignore_errors=True)  # of a process that died
        pipe = load_pipeline(**self.loading, console=console)
        refuse_changed_model(self.loading["model"], self.identity)
        try:
            with progress(console, "evaluating", len(self.dataset.clips)) as on_clip_done:
                evaluation = evaluate(
                    pipe,
                    self.dataset,
                    journal=journal,
                    on_unmasked=self._write_unmasked,
                    on_clip_done=on_clip_done,
                    **self.arguments,
                )
            worst = evaluation.worst(self.worst)
            with progress(console, "drawing", len(worst)) as on_drawn:
                figures = worst_figures(pipe, self.dataset, worst, **self.arguments)
                for number, (_, figure) in enumerate(figures, 1):
                    with atomic_write(new / WORST / f"{number}.png") as temporary:
                        figure.savefig(temporary)
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
            "worst": [
                {"clip": name, "imap_spacetime_auc": auc, "picture": f"{WORST}/{number}.png"}
                for number, (name, auc) in enumerate(worst.items(), 1)
            ],
        }
        pictures = [each["picture"] for each in record["worst"]]
        try:
            record = write_record(new, record, pictures, RESULTS)
            commit(new, self.output, [*pictures, RESULTS])
            for old in (self.output / WORST).glob("*.png"):
                if old.stem.isdecimal() and int(old.stem) > len(pictures):  # of earlier results, which had more
                    old.unlink()
        finally:
            shutil.rmtree(new, ignore_errors=True)
        return record

    def _write_unmasked(self, name: str, example: Example, maps: SaliencyMaps) -> None:
        with results_folder(self.output / VIDEOS / name, list(FILES), overwrite=True) as folder:
            options = self._clip_options(name, self.dataset.digest(name))
            record = {"command": "eval", "model": self.options["model"], "seed": self.options["seed"]}
            record["options"] = options
            if isinstance(example.video, Path):
                record["video"] = path_from(self.output / VIDEOS / name, example.video)
                options["video"] = sha256_of(example.video)
            write_results(folder, maps, example.video, record)

    def print(self, record: dict[str, Any], *, as_json: bool) -> None:
        """Print the results, and then the clips that failed.

        Raises:
            SomeFailed: a clip could not be evaluated.
        """
        clips = record["clips"]
        if as_json:
            typer.echo(json.dumps(record))
        else:
            if clips["measured"]:
                Console(highlight=False).print(localization_table(record))
            typer.echo(f"{self.output / RESULTS}  all measurements")
            if record["worst"]:
                typer.echo(f"{self.output / WORST}  pictures of the worst clips")
            if clips["unmasked"]:
                count = clips["unmasked"]
                typer.echo(f"{self.output / VIDEOS}  the maps of clips without masks: {count}, not measured")
        failed = clips["failed"]
        if failed:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            total = clips["measured"] + clips["unmasked"] + len(failed)
            raise SomeFailed(f"{len(failed)} of {total} clips could not be evaluated: {reasons}")
