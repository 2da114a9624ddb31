"""The tokens of a prompt: what each is called, and which of them spell a word."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate, pairwise

# A template has this where the prompt goes.
PLACE = "{}"


@dataclass(frozen=True)
class PromptTokens:
    """The tokens behind a prompt's text rows, in their order, padding left out.

    Attributes:
        text: as far as it is read.
        names: what each token spells; special ones, such as EOS, by their own name.
        spans: first and last character, exclusive, of each token in `text`; empty for special ones.
    """

    text: str
    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, tokenizer, prompt: str, *, max_length: int, template: str = PLACE, skip: int = 0) -> PromptTokens:
        """The tokens of `prompt` as a pipeline reads it.

        Args:
            tokenizer: of transformers; a slow one must be SentencePiece's, whose `▁` begins a word.
            prompt: what the video shows.
            max_length: tokens that are kept, special ones included.
            template: what the pipeline wraps around the prompt.
            skip: how many tokens in front the pipeline takes away after encoding.
        """
        limits = {"truncation": True, "max_length": max_length + skip}
        encoded = tokenizer(template.format(prompt), return_offsets_mapping=tokenizer.is_fast, **limits)
        ids = encoded["input_ids"][skip:]
        pieces = tokenizer.convert_ids_to_tokens(ids)
        if tokenizer.is_fast:
            begin = template.index(PLACE)
            places = [tuple(place - begin for place in span) for span in encoded["offset_mapping"][skip:]]
            spans = [(min(max(a, 0), len(prompt)), min(max(b, 0), len(prompt))) for a, b in places]
            text = prompt[: max((stop for _, stop in spans), default=0)]
        else:
            special = set(tokenizer.all_special_tokens)
            spelled = ["" if piece in special else piece.replace("▁", " ") for piece in pieces]
            spans = list(pairwise(accumulate(map(len, spelled), initial=0)))
            text = "".join(spelled)
        names = [text[start:stop].strip() or piece for (start, stop), piece in zip(spans, pieces, strict=True)]
        return cls(text, tuple(names), tuple(spans))

    def behind_image(self, rows: int) -> PromptTokens:
        """The prompt's own tokens, behind as many `rows` that stand for an image."""
        own = sum(stop > start for start, stop in self.spans)
        names = tuple(f"image {i}" for i in range(rows)) + self.names[:own]
        return PromptTokens(self.text, names, ((0, 0),) * rows + self.spans[:own])

    @property
    def labels(self) -> tuple[str, ...]:
        """The names made distinct: `(2)`, `(3)` … behind repeated ones."""
        seen: Counter[str] = Counter()
        labels = []
        for name in self.names:
            seen[name] += 1
            labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        return tuple(labels)

    def find(self, word: str) -> list[int]:
        """The indices of the tokens that spell `word`, at every place where it stands as whole words, in any case.

        Args:
            word: one or several words of the prompt.

        Raises:
            ValueError: the prompt does not say it; its words are listed.
        """
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, word.split())) + r"(?!\w)"
        places = [match.span() for match in re.finditer(pattern, self.text, re.IGNORECASE)]
        if not places:
            words = ", ".join(dict.fromkeys(self.text.split()))
            raise ValueError(f"the prompt does not say {word!r}; its words are {words}")
        return [i for i, (start, stop) in enumerate(self.spans) if any(start < b and a < stop for a, b in places)]
