"""A server to ask, and a run to ask about."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from imap_fast.cli.record import write_record
from tests.judge.stand_in import StandIn, stand_in
from tests.render import synthetic
from tests.report import moving

LABELS = ("square", "slides right", "background")
KEY = "sk-not-to-be-seen-anywhere"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """The key of the user, and no proxy between."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in() as server:
        yield server


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The seconds that were waited between tries; none of them passes."""
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=waits.append, time=time.time))
    return waits


@pytest.fixture
def run(tmp_path) -> Path:
    """A run of three concepts in two maps, with a video of its own."""
    return make_run(tmp_path / "run")


def make_run(folder: Path, **settings) -> Path:
    folder.mkdir()
    moving.make_clip().save(folder / "clip.mp4")
    grid = moving.FRAMES, 3, 5
    synthetic.make_maps(LABELS, grid, temporal_compression=1, **settings).save(folder / "maps.npz")
    write_record(folder, {"command": "demo"}, ["clip.mp4", "maps.npz"])
    return folder
