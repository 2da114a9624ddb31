"""What `imap-fast judge` does: from runs to judgements, or to what would be sent."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from imap_fast.cli.progress import progress
from imap_fast.cli.runs import record_of, video_of
from imap_fast.files import whole_file
from imap_fast.judge import CRITERIA, SCALE, Answers, Endpoint, Question, ask, estimate, means, questions
from imap_fast.maps import SaliencyMaps


class Session:
    """Runs before a judge.

    Args:
        runs: folders.
        endpoint: see `Endpoint`, as for `key`.
        model: the judge.
        output: folder for what is written; answers are kept in `answers` there.

    Attributes:
        total: how many maps of concepts there are to judge.

    Raises:
        ValueError: no endpoint or key, or a folder without maps or a video.
    """

    def __init__(self, runs: list[Path], endpoint: str, key: str | None, model: str, output: Path) -> None:
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it would tell of every try
        self.endpoint, self.model, self.output = Endpoint(endpoint, key), model, output
        self.answers = Answers(output / "answers")
        self.runs = runs
        self.total = sum(len(maps.labels_of(name)) for maps, _ in map(open_run, runs) for name in maps.maps)

    def judge(self) -> dict[str, Any]:
        """Ask all, and return what `judgements.json` says.

        Raises:
            EndpointError: the endpoint cannot be reached, or refuses. What was answered is kept.
        """
        judged, unanswered = [], []
        try:
            for run, question in self._asked("judging"):
                about = {"run": str(run), "concept": question.concept, "map": question.map}
                judgement = ask(question, self.endpoint, self.answers)
                if judgement is None:
                    unanswered.append(about)
                else:
                    judged.append(about | {"judgement": judgement})
        except BaseException:
            if judged:
                kept = f"{len(judged)} of {self.total} answers are kept; the same command goes on from there"
                typer.echo(f"imap-fast: {kept}", err=True)
            raise
        return {
            **self._head(),
            "scale": [SCALE[0], SCALE[-1]],
            "criteria": CRITERIA,
            "means": means((each["map"], each["judgement"]) for each in judged),
            "judgements": judged,
            "unanswered": unanswered,
        }

    def rehearse(self) -> dict[str, Any]:
        """Send nothing; count what would be sent, and write the first request and its contact sheet to `output`."""
        tokens_in, files, answered = {}, {}, 0  # by where the answer will be kept: what looks the same is sent once
        for _, question in self._asked("drawing what would be sent"):
            if self.answers.get(self.endpoint.url, question.body) is not None:
                answered += 1
                continue
            files = files or self._show(question)
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

    def _asked(self, what: str) -> Iterator[tuple[Path, Question]]:
        """Each run with each question about it, counted as `what` is done."""
        with progress(Console(stderr=True), what, self.total) as advance:
            for run in self.runs:
                for question in questions(*open_run(run), self.model):
                    yield run, question
                    advance()

    def _show(self, question: Question) -> dict[str, str]:
        content = {
            "request.json": (json.dumps(question.body, indent=2) + "\n").encode(),
            "sheet.jpg": question.sheet,
        }
        for name, each in content.items():
            with whole_file(self.output / name) as unfinished:
                unfinished.write_bytes(each)
        return {name: str(self.output / name) for name in content}


def open_run(run: Path) -> tuple[SaliencyMaps, Path]:
    """A finished run's maps, and the file of its video.

    Raises:
        ValueError: `run` is no such folder, its video is not known or gone, or it holds maps of several videos.
    """
    if not (run / "maps.npz").exists():
        raise ValueError(f"{run} holds no maps.npz; give a folder that imap-fast wrote")
    maps = SaliencyMaps.load(run / "maps.npz")
    if maps.maps[maps.default].ndim > 4:
        raise ValueError(f"{run} holds maps of several videos; save each in a folder of its own, by maps.video(0)")
    video = video_of(run, record_of(run), f"put it back, or as video.mp4 into {run}")
    if video is None:
        raise ValueError(f"{run} does not say which video its maps are of; put it there as video.mp4")
    return maps, video
