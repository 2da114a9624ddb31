"""The JSON files that say what masks show."""

import json
from pathlib import Path
from typing import Any

from imap_fast.masks.values import MaskValues


def caption_of(clip: MaskValues) -> str:
    """What the video shows, or, if that is unknown, its concepts."""
    return clip.caption.strip() or ", ".join(clip.labels)


def write_json(path: Path, content: Any) -> None:
    """Write JSON values as a file."""
    path.write_text(json.dumps(content, indent=1), "utf-8")
