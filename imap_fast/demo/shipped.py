"""The model that ships: where it lies, and what is best read of it."""

import json
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parent / "model"
RECORD = "training.json"


def chosen() -> dict[str, Any]:
    """`layers`, `steps` and `top_k` with which its maps find their concepts best; see `imap_fast.demo.validate`."""
    note = json.loads((MODEL / RECORD).read_text())["chosen"]
    return {name: note[name] for name in ("layers", "steps", "top_k")}
