"""Parses the answer of the judge: a score and a reason for each criterion."""

from json import JSONDecoder
from typing import Any, TypedDict

from imap_fast.judge.rubric import CRITERIA, SCALE


class Verdict(TypedDict):
    """The score and the reason for one criterion."""

    score: int
    reason: str


def read_answer(text: str) -> dict[str, Verdict] | None:
    """The first JSON object in `text` that scores every criterion, by criterion. None if there is none.

    Text around the object is ignored: models without structured output write some.
    """
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            value = None
        if _is_judgement(value):
            return {name: {"score": value[name]["score"], "reason": _line(value[name]["reason"])} for name in CRITERIA}
        start = text.find("{", start + 1)
    return None


def _is_judgement(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_verdict(value.get(name)) for name in CRITERIA)


def _is_verdict(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("reason"), str):
        return False
    # `type`, because True is an int, too, and 4.0 is in the range.
    return type(value.get("score")) is int and value["score"] in SCALE


def _line(text: str) -> str:
    return " ".join(text.split())
