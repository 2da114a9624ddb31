"""The files of measurements: rows with the device, the date and the versions."""

import datetime
import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


def row(name: str, shape: str, value: float | None, unit: str) -> dict[str, object]:
    """One figure. `value` is None if it could not be measured, and `shape` then gives the reason."""
    return {"name": name, "shape": shape, "value": value, "unit": unit}


def device_name() -> str:
    """The GPU, or the type of CPU and the number of usable cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def result_path(benchmark: str) -> Path:
    """`benchmarks/results/<benchmark>-<device>.json`."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    name = re.sub(r"\W+", "-", device).lower()
    return RESULTS / f"{benchmark}-{name}.json"


def write(table: list[dict[str, object]], path: Path) -> None:
    """Write the rows with device, date and versions, atomically."""
    versions = {"python": platform.python_version(), "torch": torch.__version__, "diffusers": version("diffusers")}
    if torch.cuda.is_available():
        versions |= {"triton": version("triton"), "cuda": torch.version.cuda}
    report = {"device": device_name(), "date": datetime.date.today().isoformat(), "versions": versions, "rows": table}
    path.parent.mkdir(parents=True, exist_ok=True)
    sibling = path.with_suffix(".tmp")
    sibling.write_text(json.dumps(report, indent=1) + "\n")
    os.replace(sibling, path)
