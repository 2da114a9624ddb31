"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXPipeline

from tests.architectures import ARCHITECTURES, Architecture
from tests.tiny import tiny_pipeline


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each architecture in turn."""
    return ARCHITECTURES[request.param]


@pytest.fixture
def pipeline() -> CogVideoXPipeline:
    return tiny_pipeline()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def fresh_compiler() -> None:
    """Forgets what was compiled before: all of diffusers' models share one wrapper, and its recompilations are few."""
    torch.compiler.reset()
