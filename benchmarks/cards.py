"""What `--memory auto` does on which card, and the peak of its memory.

`python -m benchmarks.readme` writes the table. Every figure is predicted from the configurations, as
`imap-fast doctor --model` does; none is measured.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from benchmarks.memory import MODELS, T5_XXL
from imap_fast.doctor.peak_memory import HALF, clip_of, predicted_peaks
from imap_fast.loading.memory_modes import fitting_mode

CARDS = (8, 16, 24, 80)
"""Memory of the cards, in GiB."""

NAMES = {"2b": "CogVideoX-2B", "5b": "CogVideoX-5B", "1.5-5b": "CogVideoX1.5-5B"}


def table() -> str:
    """A Markdown table: a row for each card, a column for each model."""
    columns = [_column(name) for name in MODELS]
    lines = [f"| card | {' | '.join(NAMES[name] for name in MODELS)} |", "| --- |" + " --- |" * len(MODELS)]
    rows = zip(CARDS, *columns, strict=True)
    return "\n".join([*lines, *(f"| {card} GB | {' | '.join(cells)} |" for card, *cells in rows)])


def cell(weights: list[int], peaks: dict[str, int], card: int) -> str:
    """The mode that a card takes, and its peak.

    Args:
        weights: bytes of each model of a pipeline.
        peaks: bytes in each mode.
        card: its memory in GiB.
    """
    mode = fitting_mode(weights, card * 2**30)
    return f"`{mode}`, {peaks[mode] / 2**30:.1f} GiB"


def _column(name: str) -> list[str]:
    with torch.device("meta"):
        parts: dict[str, Any] = {
            "transformer": CogVideoXTransformer3DModel(**MODELS[name][0]),
            "vae": AutoencoderKLCogVideoX(),
            "text_encoder": T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu")),
        }
    parts = {key: part.to(HALF) for key, part in parts.items()}
    weights = [sum(parameter.nbytes for parameter in part.parameters()) for part in parts.values()]
    peaks = predicted_peaks(parts, *clip_of(parts))
    return [cell(weights, peaks, card) for card in CARDS]
