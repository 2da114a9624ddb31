"""The tables of the terminal: they fit it, and have a column for whatever was measured."""

import io

import pytest
from rich.console import Console

from imap_fast.cli.localization_table import TABLES, localization_table
from imap_fast.evaluate.evaluation import ESTIMATED

METHODS = ("imap", "cross_attention", "random_heads")
KNOWN = {"mean": 0.456, "low": 0.123, "high": 1.0, "values": 1234, "clips": 400, "left_out": 2}
UNKNOWN = {"mean": None, "low": None, "high": None, "values": 0, "clips": 0, "left_out": 0}


def record(**unlike):
    """Results in which every measure is known, but for those of the kinds and measures that are given."""
    metrics = {
        kind: {measure: dict.fromkeys(METHODS, unlike.get(measure, unlike.get(kind, KNOWN))) for measure in measures}
        for kind, measures in ESTIMATED.items()
    }
    return {"clips": {"measured": 400}, "metrics": metrics}


def printed(results, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(localization_table(results))
    return console.file.getvalue()


def test_every_measure_has_a_column_in_one_table():
    columns = [column for table in TABLES.values() for column in table]
    assert len(columns) == len(set(columns))
    assert set(columns) == {(kind, measure) for kind, measures in ESTIMATED.items() for measure in measures}


def test_the_tables_fit_a_terminal():
    """In a wider one they are the same, so that nothing is cut or broken."""
    narrow, wide = printed(record()), printed(record(), 200)
    tables = narrow.partition("left out")[0]
    assert tables.rstrip() == wide.partition("left out")[0].rstrip()
    assert max(map(len, tables.splitlines())) <= 80
    heads = [line.split() for line in tables.splitlines() if line.split()[:1] in (["masks"], ["segmentation"])]
    assert heads == [["masks", *2 * ["J", "F", "J&F"]], ["segmentation", "of", "a", "clip", "mIoU", "mVC8", "mVC16"]]
    assert ".12–1.0" in tables
    assert "of 1236" in tables


@pytest.mark.parametrize(
    ("unlike", "told", "not_told"),
    [
        ({"motion": UNKNOWN}, ["objects", "masks", "mIoU"], ["motions"]),
        ({"segmentation": UNKNOWN, "class": UNKNOWN}, ["motions"], ["segmentation", "mIoU"]),
        ({"agreement": UNKNOWN | {"left_out": 3}}, ["motions"], ["agree-"]),
        ({"mvc16": UNKNOWN | {"left_out": 3}}, ["mVC16", "of 3", "–"], []),
    ],
    ids=["no motions", "no segmentation", "one noise", "short clips"],
)
def test_what_there_was_not_is_not_told(unlike, told, not_told):
    shown = printed(record(**unlike)).partition("left out")[0]
    assert all(each in shown for each in told)
    assert not any(each in shown for each in not_told)


def test_it_is_said_what_was_left_out():
    assert "left out: masks that are empty or full" in printed(record())
    assert "left out" not in printed(record(**dict.fromkeys(ESTIMATED, KNOWN | {"left_out": 0})))
