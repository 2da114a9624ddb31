"""The model that ships with the package: its folder, and the settings that suit it best."""

import json
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parent / "model"
RECORD = "training.json"


def best_settings(model: Path = MODEL) -> dict[str, Any]:
    """`layers`, `steps` and `top_k` whose maps find concepts best, as `imap_fast.demo.validate` chose them."""
    record = json.loads((model / RECORD).read_text())["chosen"]
    return {name: record[name] for name in ("layers", "steps", "top_k")}
