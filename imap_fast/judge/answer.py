"""A judge's answer: text → a score and a reason for each criterion."""

from json import JSONDecoder
from typing import Any, TypedDict

from imap_fast.judge.rubric import CRITERIA, SCALE


class Verdict(TypedDict):
    """By one criterion."""

    score: int
    reason: str


def read_answer(text: str) -> dict[str, Verdict] | None:
    """The first JSON object in `text` that scores every criterion, by criterion; None where there is none.

    Prose around the object, such as a model without structured output writes, is passed over.
    """
    place = text.find("{")
    while place >= 0:
        try:
            found, _ = JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError):
            found = None
        if _is_judgement(found):
            return {name: {"score": found[name]["score"], "reason": _line(found[name]["reason"])} for name in CRITERIA}
        place = text.find("{", place + 1)
    return None


def _is_judgement(found: Any) -> bool:
    return isinstance(found, dict) and all(_is_verdict(found.get(name)) for name in CRITERIA)


def _is_verdict(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("reason"), str):
        return False
    return type(found.get("score")) is int and found["score"] in SCALE  # true is an int, too, and 4.0 in the scale


def _line(text: str) -> str:
    return " ".join(text.split())
