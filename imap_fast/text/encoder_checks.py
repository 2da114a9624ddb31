"""Checks before concepts pass through a text encoder."""

from collections.abc import Sequence
from typing import Any

CONCEPT_TOKENS = 16
"""The published method reads at most this number of tokens of a concept."""

ANOTHER_WORD = "it reads any unknown word alike, so name it in another way"
"""The end of an error about a word that the tokenizer does not know."""


def check_text_encoder(pipeline: Any, *, pads_in_front: bool = False) -> None:
    """Raise ValueError if the pipeline cannot embed concepts.

    Args:
        pipeline: of diffusers.
        pads_in_front: whether its tokenizer may pad in front, as in `PromptTokens.read`.
    """
    if pipeline.text_encoder is None or pipeline.tokenizer is None:
        raise ValueError(
            "the pipeline has no text encoder to embed concepts with; load it with one, "
            "or pass concepts as a tensor [C, D] of text embeddings"
        )
    if not pads_in_front:
        check_tokenizer(pipeline.tokenizer)


def own_tokenizer(tokenizer: Any) -> Any:
    """The tokenizer itself, if it is that of a processor of texts and images."""
    return getattr(tokenizer, "tokenizer", tokenizer)


def check_tokenizer(tokenizer: Any) -> None:
    """Raise ValueError if the tokenizer pads in front, so the rows of a text would not be the first ones."""
    if tokenizer.padding_side != "right":
        raise ValueError(
            f'the tokenizer pads on the {tokenizer.padding_side}; set tokenizer.padding_side = "right", as its model '
            "was trained"
        )


def check_known(tokenizer: Any, concepts: Sequence[str], ids: Sequence[Sequence[int]]) -> None:
    """Raise ValueError if the tokenizer has no token for a part of a concept: all such concepts would be the same."""
    for concept, tokens in zip(concepts, ids, strict=True):
        if tokenizer.unk_token_id is not None and tokenizer.unk_token_id in tokens:
            raise ValueError(f"the tokenizer of the model does not know {concept[:80]!r}; {ANOTHER_WORD}")


def check_lengths(concepts: Sequence[str], lengths: Sequence[int]) -> None:
    """Raise ValueError if a concept has more than `CONCEPT_TOKENS` tokens, special tokens included."""
    for concept, length in zip(concepts, lengths, strict=True):
        if length > CONCEPT_TOKENS:
            raise ValueError(
                f"concept {concept[:80]!r} has {length} tokens and only {CONCEPT_TOKENS} are read; shorten it"
            )
