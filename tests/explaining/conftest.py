"""Runs that several files of tests copy and then damage, lock or resume."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.explaining.runs import cut_off, explain
from tests.tiny import tiny_pipeline


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs: a finished and an unfinished one, and the same of another step."""
    folder, pipeline = tmp_path_factory.mktemp("runs"), tiny_pipeline()
    for name, changed in (("", {}), (" of another step", {"steps": [10]})):
        explain(pipeline, folder / f"finished{name}", **changed)
        cut_off(pipeline, folder / f"unfinished{name}", **changed)
    return folder


@pytest.fixture
def finished(runs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(runs / "finished", tmp_path / "finished")


@pytest.fixture
def unfinished(runs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(runs / "unfinished", tmp_path / "unfinished")
