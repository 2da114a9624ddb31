"""The export of the demo model: weights in fp16, with the settings and the log of its training in the same folder."""

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

from imap_fast.demo.shipped_model import RECORD

LOG = "training.csv"


def export(
    pipe: CogVideoXPipeline, folder: Path, *, settings: dict[str, Any], logs: dict[str, list[dict[str, float]]]
) -> None:
    """Write a folder that `CogVideoXPipeline.from_pretrained` loads.

    An old folder is replaced once the new one is complete. Other entries of its training.json are kept.

    Args:
        pipe: VAE and transformer are stored in fp16, the text encoder in its own dtype.
        folder: the folder to write.
        settings: of the training, as JSON values, for training.json.
        logs: the rows of each training stage, `{column: value}`, for training.csv.

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
        # transformers 5 writes a new name of this class. Version 4 can load only the old name, version 5 both.
        for name in ("model_index.json", "tokenizer/tokenizer_config.json"):
            config = unfinished / name
            config.write_text(config.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast"))
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
