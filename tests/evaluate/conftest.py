"""Fixtures of the evaluation's tests."""

from __future__ import annotations

import json

import pytest
from diffusers import CogVideoXPipeline

from imap_fast.demo.export import RECORD
from imap_fast.demo.run import MODEL


@pytest.fixture(scope="session")
def demo_pipeline() -> CogVideoXPipeline:
    return CogVideoXPipeline.from_pretrained(str(MODEL))


@pytest.fixture(scope="session")
def chosen() -> dict[str, list[int]]:
    """The layers and the step that suit the demo's model."""
    note = json.loads((MODEL / RECORD).read_text())["chosen"]
    return {"layers": note["layers"], "steps": note["steps"]}
