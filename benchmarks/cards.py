"""What to write on which card: the fastest memory mode of each model whose predicted peak fits.

`python -m benchmarks.readme` writes the table. Every figure is predicted from the configurations, as
`imap-fast doctor --model` does; none is measured.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from benchmarks.memory import MODELS, T5_XXL
from imap_fast.doctor.peak_memory import HALF, clip_of, predicted_peaks

CARDS = (8, 16, 24, 80)
"""Memory of the cards, in GiB."""

SHARE = 0.9
"""The share of a card that a predicted peak may take. The driver, the CUDA context and fragments take some, too."""

NAMES = {"2b": "CogVideoX-2B", "5b": "CogVideoX-5B", "1.5-5b": "CogVideoX1.5-5B"}


def table() -> str:
    """A Markdown table: a row for each card, a column for each model."""
    peaks = {name: _peaks(name) for name in MODELS}
    lines = [f"| card | {' | '.join(NAMES[name] for name in MODELS)} |", "| --- |" + " --- |" * len(MODELS)]
    lines += [f"| {card} GB | {' | '.join(fastest(peaks[name], card) for name in MODELS)} |" for card in CARDS]
    return "\n".join(lines)


def fastest(peaks: dict[str, int], card: int) -> str:
    """The first of the modes, which come in order of speed, whose peak in bytes fits a card, with that peak."""
    for mode, peak in peaks.items():
        if peak <= SHARE * card * 2**30:
            return f"`{mode}`, {peak / 2**30:.1f} GiB"
    return "does not fit"


def _peaks(name: str) -> dict[str, int]:
    with torch.device("meta"):
        parts = {
            "transformer": CogVideoXTransformer3DModel(**MODELS[name][0]),
            "vae": AutoencoderKLCogVideoX(),
            "text_encoder": T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu")),
        }
    parts = {key: part.to(HALF) for key, part in parts.items()}
    return predicted_peaks(parts, *clip_of(parts))
