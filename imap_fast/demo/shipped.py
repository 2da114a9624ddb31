"""The model that ships: where it lies, and what is best read of it."""

import json
from pathlib import Path

MODEL = Path(__file__).parent / "model"
RECORD = "training.json"


def chosen() -> dict[str, list[int]]:
    """`layers` and `steps` at which its maps find their concepts best; see `imap_fast.demo.validate`."""
    note = json.loads((MODEL / RECORD).read_text())["chosen"]
    return {"layers": note["layers"], "steps": note["steps"]}
