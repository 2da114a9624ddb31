"""Embeds concepts by the T5 encoder of a pipeline."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from imap_fast.text.encoder_checks import CONCEPT_TOKENS, check_known, check_lengths, check_text_encoder


@torch.no_grad()
def embed_by_t5(pipeline: Any, concepts: tuple[str, ...], pooling: str) -> Tensor:
    """Text embeddings `[C, D_text]` of concepts; see `Adapter.embed_concepts`."""
    check_text_encoder(pipeline)
    ids = pipeline.tokenizer(list(concepts)).input_ids
    check_known(pipeline.tokenizer, concepts, ids)
    check_lengths(concepts, [len(tokens) for tokens in ids])
    embeddings, *_ = pipeline.encode_prompt(
        list(concepts), do_classifier_free_guidance=False, max_sequence_length=CONCEPT_TOKENS
    )
    if pooling == "first":
        return embeddings[:, 0].clone()
    eos = pipeline.tokenizer.eos_token_id
    words = [sum(token != eos for token in tokens) for tokens in ids]
    return torch.stack([row[: max(length, 1)].mean(0) for row, length in zip(embeddings, words, strict=True)])
