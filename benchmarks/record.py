"""The files of measurements: rows with the device, the date and the versions."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parents[1] / "docs/images"
"""The pictures of results, where the site of the docs finds them."""


def row(name: str, shape: str, value: float | None, unit: str) -> dict[str, object]:
    """One figure. `value` is None if it could not be measured, and `shape` then gives the reason."""
    return {"name": name, "shape": shape, "value": value, "unit": unit}


def note(name: str, shape: str, text: str) -> dict[str, object]:
    """What was found and is no figure."""
    return row(name, shape, None, "text") | {"text": text}


def device_name() -> str:
    """The GPU, or the type of CPU and the number of usable cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def result_path(benchmark: str, folder: Path = RESULTS) -> Path:
    """`<folder>/<benchmark>-<device>.json`."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    name = re.sub(r"\W+", "-", device).lower()
    return folder / f"{benchmark}-{name}.json"


def versions_of(*packages: str) -> dict[str, str]:
    """The versions of those packages that are installed."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def write(table: list[dict[str, object]], path: Path) -> None:
    """Write the rows with device, date and versions, atomically."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, **versions_of("diffusers")}
    if torch.cuda.is_available():
        versions |= {**versions_of("triton"), "cuda": torch.version.cuda}
    report = {"device": device_name(), "date": datetime.date.today().isoformat(), "versions": versions, "rows": table}
    path.parent.mkdir(parents=True, exist_ok=True)
    sibling = path.with_suffix(".tmp")
    sibling.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(sibling, path)


class Table:
    """The rows of a file, which has each one as soon as it is known.

    A row replaces an earlier one of the same name and shape.

    Args:
        path: of the file, which is replaced by the first rows.
        rows: to begin with.
    """

    def __init__(self, path: Path, rows: Iterable[dict[str, object]] = ()) -> None:
        self.path = path
        self._rows = {(row["name"], row["shape"]): row for row in rows}

    @classmethod
    def continued(cls, path: Path) -> Table:
        """The table of a file that may have rows already."""
        return cls(path, json.loads(path.read_text())["rows"] if path.exists() else ())

    @property
    def rows(self) -> list[dict[str, object]]:
        """All rows, in the order in which they came first."""
        return list(self._rows.values())

    def add(self, rows: Iterable[dict[str, object]]) -> None:
        """Add rows, and write the file."""
        self._rows |= {(row["name"], row["shape"]): row for row in rows}
        write(self.rows, self.path)
