"""The work of `imap-fast judge`: requests for all maps of some runs, sent or only estimated."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from imap_fast.cli.progress import progress
from imap_fast.cli.record import verified_record
from imap_fast.cli.runs import check_maps, video_of
from imap_fast.cli.streams import complain
from imap_fast.files import atomic_write
from imap_fast.judge import CRITERIA, SCALE, Answers, Endpoint, Question, ask, estimate, means, questions
from imap_fast.maps.kinds import BY_CONCEPT
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.text.distinct import distinct


class Session:
    """Some runs and the model that judges them.

    Args:
        runs: folders of finished runs.
        endpoint: see `Endpoint`, like `key`.
        key: of the endpoint.
        model: the judge.
        output: folder for everything that is written. Answers are kept in its folder `answers`.

    Attributes:
        total: the number of maps of concepts to judge.

    Raises:
        ValueError: an invalid endpoint or key, or a run that `open_run` refuses.
    """

    def __init__(self, runs: list[Path], endpoint: str, key: str | None, model: str, output: Path) -> None:
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it logs every retry
        self.endpoint, self.model, self.output = Endpoint(endpoint, key), model, output
        self.answers = Answers(output / "answers")
        self.runs = dict(zip(distinct(run.resolve().name for run in runs), runs, strict=True))
        self.total = sum(len(maps.labels_of(name)) for maps, _ in map(open_run, runs) for name in maps.maps)

    def judge(self) -> dict[str, Any]:
        """Send all requests, and return the content of `judgements.json`.

        Raises:
            EndpointError: the endpoint cannot be reached, or it refuses a request. Earlier answers are kept.
        """
        judged: list[dict[str, Any]] = []
        by_concept: list[tuple[str, dict[str, Any]]] = []
        unanswered: list[dict[str, str]] = []
        try:
            for run, question in self._requests("judging"):
                about = {"run": run, "concept": question.concept, "map": question.map}
                judgement = ask(question, self.endpoint, self.answers)
                if judgement is None:
                    unanswered.append(about)
                else:
                    judged.append(about | {"judgement": judgement})
                    by_concept += [(BY_CONCEPT, judgement)] if question.shows else []
        except BaseException:
            if judged:
                kept = f"{len(judged)} of {self.total} answers are kept; the same command resumes"
                complain(kept)
            raise
        return {
            **self._head(),
            "scale": [SCALE[0], SCALE[-1]],
            "criteria": CRITERIA,
            "means": means([*((each["map"], each["judgement"]) for each in judged), *by_concept]),
            "judgements": judged,
            "unanswered": unanswered,
        }

    def estimate(self) -> dict[str, Any]:
        """Count what would be sent, without sending it. The first request and its contact sheet are written."""
        tokens_in: dict[Path, int] = {}  # by the file of the answer: equal requests are sent once
        files: dict[str, str] = {}
        answered = 0
        for _, question in self._requests("drawing contact sheets"):
            if self.answers.get(self.endpoint.url, question.body) is not None:
                answered += 1
                continue
            files = files or self._write(question)
            tokens_in[self.answers.path(self.endpoint.url, question.body)] = estimate.tokens_in(question)
        return {
            **self._head(),
            "dry_run": True,
            "requests": len(tokens_in),
            "answered_before": answered,
            "tokens_in": sum(tokens_in.values()),
            "tokens_out": len(tokens_in) * estimate.ANSWER_TOKENS,
            "rule": estimate.RULE,
            "files": files,
        }

    def _head(self) -> dict[str, Any]:
        return {"command": "judge", "endpoint": self.endpoint.url, "model": self.model}

    def _requests(self, task: str) -> Iterator[tuple[str, Question]]:
        """Yield the name of each run with each question about it, and show the progress of the task."""
        with progress(Console(stderr=True), task, self.total) as advance:
            for name, run in self.runs.items():
                for question in questions(*open_run(run), self.model):
                    yield name, question
                    advance()

    def _write(self, question: Question) -> dict[str, str]:
        content = {
            "request.json": (json.dumps(question.body, indent=2) + "\n").encode(),
            "sheet.jpg": question.sheet,
        }
        for name, each in content.items():
            with atomic_write(self.output / name) as temporary:
                temporary.write_bytes(each)
        return {name: str(self.output / name) for name in content}


def open_run(run: Path) -> tuple[SaliencyMaps, Path]:
    """The maps of a finished run, and the file of its video.

    Raises:
        ValueError: the folder holds no maps, maps of several videos, or files that are not those of one run, or its
            video is missing or another one.
    """
    check_maps(run)
    record = verified_record(run)
    maps = SaliencyMaps.load(run / "maps.npz")
    if maps.maps[maps.default].ndim > 4:
        raise ValueError(f"{run} holds maps of several videos; save each in a folder of its own, by maps.video(0)")
    video = video_of(run, record, f"restore it, or copy it to {run / 'video.mp4'}")
    if video is None:
        raise ValueError(f"{run} has maps of a video that was no file; explain its file, and judge that run")
    return maps, video
