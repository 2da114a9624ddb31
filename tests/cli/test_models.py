"""`imap-fast models`."""

from __future__ import annotations

import json

import pytest

from imap_fast.cli import main
from imap_fast.models.registry import ARCHITECTURES, PIPELINES


def test_it_lists_every_pipeline(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(f" {name} " in shown for name in PIPELINES)
    assert all(each.name in shown for each in ARCHITECTURES.values())


def test_it_gives_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == ARCHITECTURES.keys()
    assert found["cogvideox"]["match"] == ["concepts", "prompt"]
    assert found["wan"]["match"] == ["prompt"]
    assert found["wan"]["tested_against_published_outputs"] is True
    assert found["wan_animate"]["pipelines"] == {
        "WanAnimatePipeline": {"starts_from": "an image, a pose and a face", "explained": False}
    }
