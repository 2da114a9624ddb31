"""The work in a new process, with the packages of any checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmarks.long_video import work
from benchmarks.long_video.film import CONCEPTS, PROMPT
from imap_fast.demo.shipped_model import MODEL, best_settings

HERE = Path(__file__).parents[2]
"""This checkout."""


def run_work(
    video: Path,
    model: str,
    *,
    checkout: Path = HERE,
    stages: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What the work costs in a new process; `benchmarks.long_video.work` has the names.

    Every checkout reads the same model, that of this one, with the same settings.

    Args:
        video: the file.
        model: `"demo"`, or a folder.
        checkout: whose packages do the work.
        stages: whether to tell where the time goes. Only for this checkout.
        environment: further variables of the process.

    Raises:
        SystemExit: the work failed, or other packages did it.
    """
    settings = {"prompt": PROMPT, "concepts": CONCEPTS, **(best_settings() if model == "demo" else {})}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", work.__file__, str(video), folder]
        command += ["--model", str(MODEL) if model == "demo" else model, "--settings", json.dumps(settings)]
        path = os.pathsep.join([str(checkout), str(checkout / "kernels")])
        done = subprocess.run(
            [*command, *(["--stages"] if stages else [])],
            capture_output=True,
            text=True,
            env={**os.environ, **environment, "PYTHONPATH": path},
        )
    if done.returncode:
        raise SystemExit(f"{done.stderr}the work failed with exit code {done.returncode} in {checkout}")
    found = json.loads(done.stdout.splitlines()[-1])
    if checkout.resolve() not in Path(found["package"]).resolve().parents:
        raise SystemExit(f"{found['package']} did the work; give a checkout with the package imap_fast")
    return found
