"""How the demo model is written: half-precision weights, and beside them the settings and the log of its training."""

from __future__ import annotations

import copy
import csv
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
from diffusers import CogVideoXPipeline

from imap_fast.demo.shipped import RECORD

LOG = "training.csv"


def export(
    pipe: CogVideoXPipeline, folder: Path, *, settings: dict[str, Any], logs: dict[str, list[dict[str, float]]]
) -> None:
    """Writes a folder that `CogVideoXPipeline.from_pretrained` loads; the old one is replaced when it is complete.

    Args:
        pipe: weights are stored in half precision, the text encoder's in full.
        folder: where to; other notes in an old folder's training.json are kept.
        settings: JSON-able, for training.json.
        logs: rows of each stage, numbers by name, for training.csv.

    Raises:
        OSError: the folder cannot be written.
    """
    unfinished = folder.with_name(f".{uuid4().hex}")
    try:
        half = CogVideoXPipeline(
            pipe.tokenizer,
            pipe.text_encoder,
            copy.deepcopy(pipe.vae).to(torch.float16),
            copy.deepcopy(pipe.transformer).to(torch.float16),
            pipe.scheduler,
        )
        half.save_pretrained(unfinished)
        # transformers 5 has a new name for this class and knows the old one, which transformers 4 knows too.
        for name in ("model_index.json", "tokenizer/tokenizer_config.json"):
            file = unfinished / name
            file.write_text(file.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast"))
        old = json.loads((folder / RECORD).read_text()) if (folder / RECORD).exists() else {}
        (unfinished / RECORD).write_text(json.dumps(old | {"settings": settings}, indent=2) + "\n")
        with (unfinished / LOG).open("w", newline="") as file:
            columns = {name: None for log in logs.values() for row in log for name in row}
            rows = csv.DictWriter(file, ["stage", *columns])
            rows.writeheader()
            rows.writerows({"stage": stage, **row} for stage, log in logs.items() for row in log)
        if folder.exists():
            replaced = folder.rename(folder.with_name(f".{uuid4().hex}"))
            unfinished.rename(folder)
            shutil.rmtree(replaced)
        else:
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
