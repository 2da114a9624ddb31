"""The part `training`: the demo model, trained in the time that is left."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time

from benchmarks.gpu.run import Add, Run
from benchmarks.record import row

ENDING = 30
"""Seconds that the start, the end of the validation and the last export may take."""
LEAST = 1
"""Seconds that are always tried."""
TINY = ("--scenes", "2", "--vae-batch", "1", "--still-batch", "1", "--clip-batch", "1")


def measure(run: Run, add: Add) -> None:
    """Train it, and leave it in the folder `model` of the results."""
    model = run.out / "model"
    minutes = max(LEAST, LEAST if run.dry else run.seconds - ENDING) / 60
    with tempfile.TemporaryDirectory() as work:
        command = [sys.executable, "-m", "imap_fast.demo.train", "--minutes", f"{minutes:.2f}"]
        command += ["--model", str(model), "--work", work, *(TINY if run.dry else ())]
        began = time.monotonic()
        code = subprocess.run(command).returncode
    if code:
        raise SystemExit(code)
    add([row("training_seconds", "demo model", time.monotonic() - began, "s")])
    weights = sum(path.stat().st_size for path in model.rglob("*.safetensors"))
    add([row("training_weights", "demo model", weights, "B")])
