"""The tokens of a prompt: their names, and which of them spell a word."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any

from imap_fast.text.encoder_checks import ANOTHER_WORD, check_tokenizer

PLACEHOLDER = "{}"
"""The placeholder of the prompt in a template."""


@dataclass(frozen=True)
class PromptTokens:
    """The tokens of a prompt in the order of its text rows, without padding.

    Attributes:
        text: the part of the prompt that is read.
        names: the text of each token. Special tokens, such as EOS, have their own names.
        spans: start and end (exclusive) of each token in `text`. Empty for special tokens.
        unknown: the indices of tokens that stand for any text that the tokenizer does not know.
        cut: the number of tokens of the prompt that are over the limit of the model, and not read.
    """

    text: str
    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    unknown: frozenset[int] = frozenset()
    cut: int = 0

    @classmethod
    def read(
        cls, tokenizer: Any, prompt: str, *, max_length: int, template: str = PLACEHOLDER, skip: int = 0
    ) -> PromptTokens:
        """The tokens of `prompt` as a pipeline reads it.

        Args:
            tokenizer: of transformers. A slow one must be SentencePiece's, in which `▁` begins a word.
            prompt: what the video shows.
            max_length: the largest number of tokens, special ones included.
            template: the text that the pipeline puts around the prompt.
            skip: the number of tokens in front that the pipeline removes after encoding.

        Raises:
            ValueError: the tokenizer pads in front.
        """
        check_tokenizer(tokenizer)
        limits = {"truncation": True, "max_length": max_length + skip}
        read = cls._encoded(tokenizer, prompt, template, skip, **limits)
        whole = cls._encoded(tokenizer, prompt, template, skip, verbose=False)
        return replace(read, cut=whole.length - read.length)

    @classmethod
    def _encoded(cls, tokenizer: Any, prompt: str, template: str, skip: int, **limits: Any) -> PromptTokens:
        encoded = tokenizer(template.format(prompt), return_offsets_mapping=tokenizer.is_fast, **limits)
        ids = encoded["input_ids"][skip:]
        pieces = tokenizer.convert_ids_to_tokens(ids)
        if tokenizer.is_fast:
            begin = template.index(PLACEHOLDER)
            places = [tuple(place - begin for place in span) for span in encoded["offset_mapping"][skip:]]
            spans = [(min(max(a, 0), len(prompt)), min(max(b, 0), len(prompt))) for a, b in places]
            text = prompt[: max((stop for _, stop in spans), default=0)]
        else:
            special = set(tokenizer.all_special_tokens)
            spelled = ["" if piece in special else piece.replace("▁", " ") for piece in pieces]
            spans = list(pairwise(accumulate(map(len, spelled), initial=0)))
            text = "".join(spelled)
        names = [text[start:stop].strip() or piece for (start, stop), piece in zip(spans, pieces, strict=True)]
        unknown = frozenset(i for i, token in enumerate(ids) if token == tokenizer.unk_token_id)
        return cls(text, tuple(names), tuple(spans), unknown)

    def after_image(self, rows: int) -> PromptTokens:
        """The tokens of the prompt without special ones, after `rows` rows of an image."""
        own = self.length
        names = tuple(f"image {i}" for i in range(rows)) + self.names[:own]
        unknown = frozenset(rows + i for i in self.unknown if i < own)
        return PromptTokens(self.text, names, ((0, 0),) * rows + self.spans[:own], unknown, self.cut)

    @property
    def length(self) -> int:
        """The number of tokens that are of the prompt: without special ones, and without rows of an image."""
        return sum(stop > start for start, stop in self.spans)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names, made distinct: `(2)`, `(3)` … after repeated ones."""
        seen: Counter[str] = Counter()
        labels = []
        for name in self.names:
            seen[name] += 1
            labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        return tuple(labels)

    def find(self, word: str) -> list[int]:
        """The indices of the tokens that spell `word`, wherever it occurs as whole words, in upper or lower case.

        Args:
            word: one or several words of the prompt.

        Raises:
            ValueError: the prompt does not contain it, or the tokenizer does not know it. The first error lists the
                words of the prompt.
        """
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)"
        places = [match.span() for match in re.finditer(pattern, self.text, re.IGNORECASE)]
        if not places:
            words = ", ".join(dict.fromkeys(self.text.split()))
            missing = f"{word!r} in the {self.length} tokens that the model reads" if self.cut else repr(word)
            raise ValueError(f"the prompt does not contain {missing}; its words are {words}")
        found = [i for i, (start, stop) in enumerate(self.spans) if any(start < b and a < stop for a, b in places)]
        if not self.unknown.isdisjoint(found):
            raise ValueError(f"the tokenizer of the model does not know {word!r} in the prompt; {ANOTHER_WORD}")
        return found
