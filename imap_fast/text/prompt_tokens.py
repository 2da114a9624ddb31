"""The tokens of a prompt: their names, and which of them spell a word."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, compress, pairwise
from typing import Any

from imap_fast.text.encoder_checks import ANOTHER_WORD, check_tokenizer
from imap_fast.text.near_misses import listed, near_misses, words_of
from imap_fast.text.normalized import UNKNOWN, Normalized, is_part_of_word

PLACEHOLDER = "{}"
"""The placeholder of the prompt in a template."""

Span = tuple[int, int]
"""Start and end (exclusive) in a text."""


@dataclass(frozen=True)
class PromptTokens:
    """The tokens of a prompt in the order of its text rows, without padding.

    Attributes:
        text: the prompt as it is tokenized, also what is not read of it.
        names: the text of each token. Special tokens, such as EOS, have their own names.
        spans: start and end (exclusive) of each token in `text`. Empty for special tokens.
        unread: the spans of the tokens of the prompt that are over the limit of the model.
        unknown: the indices of tokens that stand for any text that the tokenizer does not know.
        clean: what the pipeline makes of a text before it is tokenized.
    """

    text: str
    names: tuple[str, ...]
    spans: tuple[Span, ...]
    unread: tuple[Span, ...] = ()
    unknown: frozenset[int] = frozenset()
    clean: Callable[[str], str] = str

    @classmethod
    def read(
        cls,
        tokenizer: Any,
        prompt: str,
        *,
        max_length: int,
        template: str = PLACEHOLDER,
        skip: int = 0,
        clean: Callable[[str], str] = str,
        pads_in_front: bool = False,
    ) -> PromptTokens:
        """The tokens of `prompt` as a pipeline reads it.

        Args:
            tokenizer: of transformers. A slow one must be SentencePiece's, in which `▁` begins a word.
            prompt: what the video shows.
            max_length: the largest number of tokens, special ones included.
            template: the text that the pipeline puts around the prompt.
            skip: the number of tokens in front that the pipeline removes after encoding.
            clean: what the pipeline makes of the prompt first. By default, nothing.
            pads_in_front: whether the tokenizer may pad in front, because the pipeline puts the text in front.

        Raises:
            ValueError: the tokenizer pads in front.
        """
        if not pads_in_front:
            check_tokenizer(tokenizer)
        prompt = clean(prompt)
        limits = {"truncation": True, "max_length": max_length + skip}
        read = cls._encoded(tokenizer, prompt, template, skip, **limits)
        whole = cls._encoded(tokenizer, prompt, template, skip, verbose=False)
        unread = [span for span in whole.spans if span[0] < span[1]][read.length :]
        return replace(read, text=whole.text, unread=tuple(unread), clean=clean)

    @classmethod
    def _encoded(cls, tokenizer: Any, prompt: str, template: str, skip: int, **limits: Any) -> PromptTokens:
        encoded = tokenizer(template.format(prompt), return_offsets_mapping=tokenizer.is_fast, **limits)
        ids = encoded["input_ids"][skip:]
        pieces = tokenizer.convert_ids_to_tokens(ids)
        unknown = frozenset(i for i, token in enumerate(ids) if token == tokenizer.unk_token_id)
        if tokenizer.is_fast:
            begin, text = template.index(PLACEHOLDER), prompt
            places = [tuple(place - begin for place in span) for span in encoded["offset_mapping"][skip:]]
            spans = [(min(max(a, 0), len(prompt)), min(max(b, 0), len(prompt))) for a, b in places]
        else:
            special = set(tokenizer.all_special_tokens)
            spelled = ["" if piece in special else piece.replace("▁", " ") for piece in pieces]
            spelled = [UNKNOWN if i in unknown else each for i, each in enumerate(spelled)]
            spans = list(pairwise(accumulate(map(len, spelled), initial=0)))
            text = "".join(spelled)
        names = [text[start:stop].strip() or piece for (start, stop), piece in zip(spans, pieces, strict=True)]
        return cls(text, tuple(names), tuple(spans), unknown=unknown)

    def after_image(self, rows: int, removed: int) -> PromptTokens:
        """The tokens of the prompt without special ones, after `rows` rows of an image.

        Args:
            rows: of the image.
            removed: the number of tokens that the pipeline removes behind the prompt after encoding. If the limit
                leaves fewer behind it, the others are of the prompt.
        """
        own = min(self.length, len(self.names) - removed)
        names = tuple(f"image {i}" for i in range(rows)) + self.names[:own]
        unknown = frozenset(rows + i for i in self.unknown if i < own)
        spans, unread = ((0, 0),) * rows + self.spans[:own], self.spans[own : self.length] + self.unread
        return replace(self, names=names, spans=spans, unread=unread, unknown=unknown)

    @property
    def cut(self) -> int:
        """The number of tokens of the prompt that are over the limit of the model, and not read."""
        return len(self.unread)

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

    @cached_property
    def _normalized(self) -> Normalized:
        return Normalized.of(self.text)

    def find(self, word: str) -> list[int]:
        """The indices of the tokens that spell `word`, wherever it occurs as whole words.

        How it is typed does not matter; see `Normalized`. In scripts without spaces, it may be any part of the text.
        A warning tells if a token spells more than the word.

        Args:
            word: one or several words of the prompt.

        Raises:
            ValueError: the prompt does not contain it, the model reads no more of it, or the tokenizer does not know
                it. The first error names words of the prompt that are like it, or else the first ones.
        """
        places = self._normalized.places(self.clean(word))
        read = [place for place in places if not any(_overlap(place, token) for token in self.unread)]
        if places and not read:
            raise ValueError(
                f"{word!r} is cut off: the model reads only {self.length} tokens of the prompt; shorten the prompt, or "
                "say the word earlier"
            )
        if not places:
            if near := near_misses(self.clean(word), self._read_text):
                raise ValueError(f"the prompt does not contain {word!r}; closest: {listed(map(repr, near))}")
            words = listed(words_of(self._read_text)) or "none that the model reads"
            raise ValueError(f"the prompt does not contain {word!r}; its words are {words}")
        found = [i for i, token in enumerate(self.spans) if any(_overlap(place, token) for place in read)]
        if not found or not self.unknown.isdisjoint(found):
            raise ValueError(f"the tokenizer of the model does not know {word!r} in the prompt; {ANOTHER_WORD}")
        self._warn_of_shared(word, read, found)
        return found

    @property
    def _read_text(self) -> str:
        """The part of the prompt that is read, without a word of which only the beginning is."""
        if not self.unread:
            return self.text
        end = min(start for start, _ in self.unread)
        parted = compress(self._normalized.source, self._normalized.parted)
        return self.text[: max((index for index in parted if index <= end), default=0)]

    def _warn_of_shared(self, word: str, places: list[Span], found: list[int]) -> None:
        """Warn if one of the tokens of a word spells more than the word, because its map is then of all of it."""
        of_word = {i for place in places for i in range(*place)}
        shared = [
            self.names[i]
            for i in found
            if any(k not in of_word and is_part_of_word(self.text[k]) for k in range(*self.spans[i]))
        ]
        if shared:
            warnings.warn(
                f"{word!r} shares tokens of the prompt with other text, so its map is also of that: "
                f"{listed(dict.fromkeys(shared))}",
                stacklevel=1,  # attributed to this package, whose warnings the command line shows
            )


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
