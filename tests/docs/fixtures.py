"""Fixtures of the tests that run the code of pages and examples; a conftest.py imports them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.stage import write_files


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache of the hub."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `write_files` writes. Tests work on a copy."""
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder
