from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tests.docs.fixtures import files, hub
from tests.docs.options import ROOT
from tests.docs.stage import stage

__all__ = ["Run", "files", "hub", "run"]

Run = Callable[..., str]


@pytest.fixture
def run(
    tmp_path: Path, files: Path, hub: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Runs an example with options in a folder with videos, and returns what it prints."""

    def run_it(name: str, *options: str) -> str:
        path = ROOT / "examples" / name
        with stage(tmp_path, files, hub, path.read_text()):
            monkeypatch.setattr(sys, "argv", [str(path), *options])
            capsys.readouterr()
            runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    yield run_it
    plt.close("all")
