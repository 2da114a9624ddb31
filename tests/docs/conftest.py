"""Fixtures of the tests of pages."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache of the hub."""
    return tmp_path_factory.mktemp("hub")
