"""Fixtures of the evaluation's tests."""

from __future__ import annotations

import pytest
from diffusers import CogVideoXPipeline

from imap_fast.demo import shipped_model


@pytest.fixture(scope="session")
def demo_pipeline() -> CogVideoXPipeline:
    return CogVideoXPipeline.from_pretrained(str(shipped_model.MODEL))


@pytest.fixture(scope="session")
def chosen() -> dict[str, list[int]]:
    """The layers and the step that suit the demo's model."""
    return shipped_model.best_settings()
