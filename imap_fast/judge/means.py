"""Judgements → a map's mean by each criterion."""

from collections.abc import Iterable
from statistics import fmean

from imap_fast.judge.answer import Verdict
from imap_fast.judge.rubric import CRITERIA


def means(judged: Iterable[tuple[str, dict[str, Verdict]]]) -> dict[str, dict[str, float]]:
    """The mean over concepts and runs by each criterion, and `overall`, the mean of those five.

    Args:
        judged: the name of a map, and a judgement of it.

    Returns:
        by map, in the order in which they first come; `judged` among the means is how many judgements there are.
    """
    by_map: dict[str, list[dict[str, Verdict]]] = {}
    for name, judgement in judged:
        by_map.setdefault(name, []).append(judgement)
    table = {}
    for name, judgements in by_map.items():
        row = {criterion: fmean(each[criterion]["score"] for each in judgements) for criterion in CRITERIA}
        table[name] = row | {"overall": fmean(row.values()), "judged": len(judgements)}
    return table
