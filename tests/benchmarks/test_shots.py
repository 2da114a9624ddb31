"""The benchmark of shots: what it counts, what it renders, and what it writes."""

import json

import numpy as np
import pytest

import benchmarks.shots.__main__ as benchmark
from benchmarks.shots import films
from benchmarks.shots.__main__ import Count, main
from benchmarks.shots.detectors import DETECTORS
from benchmarks.shots.films import DISTRACTIONS, TRANSITIONS, Film, film


@pytest.fixture(autouse=True)
def small_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of one size, which is small and not square."""
    monkeypatch.setattr(films, "SIZES", ((72, 96),))


def test_each_cut_is_found_once_and_the_rest_is_false() -> None:
    frames = [np.zeros((48, 64, 3), np.uint8)] * 100
    count = Count()
    count.add(Film("cut", frames, 24, ((20, 20), (48, 52))), [20, 49, 51, 90])
    assert (count.cuts, count.found, count.false, count.frames) == (2, 2, 2, 100)
    count.add(Film("cut", frames, 24, ((20, 20),)), [21])
    assert (count.cuts, count.found, count.false, count.frames) == (3, 2, 3, 200)


def test_a_film_is_one_of_its_kind_and_seed() -> None:
    one, again, other = film("dissolve of 12", 0, "train"), film("dissolve of 12", 0, "train"), film("cut", 0, "train")
    np.testing.assert_array_equal(one.frames, again.frames)
    assert one.cuts != other.cuts
    middle = sum(one.cuts[0]) // 2
    assert one.cuts[0][1] - one.cuts[0][0] == 6
    assert not np.array_equal(one.frames[middle - 20], one.frames[middle + 20])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*TRANSITIONS, *DISTRACTIONS])
def test_every_kind_has_whole_frames_and_cuts_between_them(kind) -> None:
    one = film(kind, 0, "train")
    assert {frame.shape for frame in one.frames} == {one.frames[0].shape}
    assert all(frame.dtype == np.uint8 for frame in one.frames)
    assert bool(one.cuts) == (kind in TRANSITIONS)
    assert all(0 < first <= last < len(one.frames) for first, last in one.cuts)


@pytest.mark.slow
def test_it_writes_every_figure_of_every_detector(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(benchmark, "TIMED_SIZES", ((48, 64),))
    transitions, distractions = dict(list(TRANSITIONS.items())[:2]), dict(list(DISTRACTIONS.items())[:2])
    monkeypatch.setattr(benchmark, "TRANSITIONS", transitions)
    monkeypatch.setattr(benchmark, "DISTRACTIONS", distractions)
    path = tmp_path / "shots.json"
    main(["--seeds", "1", "--output", str(path)])
    report = json.loads(path.read_text())
    values = {(row["name"], row["shape"]): row["value"] for row in report["rows"]}
    for name in DETECTORS:
        assert {("recall", f"{kind}, {name}") for kind in transitions} <= set(values)
        assert {("false cuts", f"{kind}, {name}") for kind in (*transitions, *distractions)} <= set(values)
        assert 0 <= values["precision", f"all, {name}"] <= 1
        assert values["time", f"48 × 64, {name}"] > 0
    assert values["recall", "all, imap-fast"] == 1
    assert values["seeds", f"{benchmark.HELD_OUT} to {benchmark.HELD_OUT}"] == 1
    printed = capsys.readouterr().out
    assert "false cuts: demo world" in printed
    assert printed.endswith(f"{len(report['rows'])} rows in {path}\n")
