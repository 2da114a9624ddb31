"""Means of judgements, by map and criterion."""

from collections.abc import Iterable
from statistics import fmean

from imap_fast.judge.answer import Verdict
from imap_fast.judge.rubric import CRITERIA


def means(judged: Iterable[tuple[str, dict[str, Verdict]]]) -> dict[str, dict[str, float]]:
    """The mean over concepts and runs of each criterion, and `overall`, the mean of the five.

    Args:
        judged: pairs of the name of a map and a judgement.

    Returns:
        the means by map, in order of first appearance. `judged` is the number of judgements.
    """
    by_map: dict[str, list[dict[str, Verdict]]] = {}
    for name, judgement in judged:
        by_map.setdefault(name, []).append(judgement)
    table = {}
    for name, judgements in by_map.items():
        row = {criterion: fmean(each[criterion]["score"] for each in judgements) for criterion in CRITERIA}
        table[name] = row | {"overall": fmean(row.values()), "judged": len(judgements)}
    return table
