"""Checks before concepts pass through a text encoder."""

from collections.abc import Sequence
from typing import Any

CONCEPT_TOKENS = 16
"""The published method reads at most this number of tokens of a concept."""


def check_text_encoder(pipeline: Any) -> None:
    """Raise ValueError if the pipeline cannot embed concepts."""
    if pipeline.text_encoder is None or pipeline.tokenizer is None:
        raise ValueError(
            "the pipeline has no text encoder to embed concepts with; load it with one, "
            "or pass concepts as a tensor [C, D] of text embeddings"
        )


def check_lengths(concepts: Sequence[str], lengths: Sequence[int]) -> None:
    """Raise ValueError if a concept has more than `CONCEPT_TOKENS` tokens, special tokens included."""
    for concept, length in zip(concepts, lengths, strict=True):
        if length > CONCEPT_TOKENS:
            raise ValueError(
                f"concept {concept[:80]!r} has {length} tokens and only {CONCEPT_TOKENS} are read; shorten it"
            )
