"""The language of the demo world: its words, its captions, and the names of objects and motions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross")
TEXTURES = ("plain", "striped", "dotted")
SIZES = ("small", "medium", "large")
BACKGROUNDS = ("dark", "grey", "brown")
CLUTTERED = "cluttered"
MOTIONS = (
    *("slides left", "slides right", "slides up", "slides down"),
    *("bounces", "spins", "grows", "flashes"),
)
REST = "rests"
# The part of the clip in which a motion is active: all of it, its start, its middle or its end.
SPANS = ("throughout", "first", "between", "last")

# Every word of every caption. The tokenizer has one token for each.
WORDS = (
    *(*COLOURS, *SHAPES, *TEXTURES, *SIZES, *BACKGROUNDS, CLUTTERED, "background"),
    *("slides", "left", "right", "up", "down", "bounces", "spins", "grows", "flashes"),
    *("moves", "moving", "rests", "resting", "stays", "still", "then"),
    *("a", "an", "and", "as", "on", "the", "while", "with"),
)


class ObjectDescription(NamedTuple):
    """What captions can say about one object.

    Attributes:
        name: colour and shape: "red circle".
        texture: of `TEXTURES`.
        size: of `SIZES`.
        motion: of `MOTIONS`, or "rests".
        span: of `SPANS`, the part of the clip in which the motion is active.
    """

    name: str
    texture: str
    size: str
    motion: str
    span: str

    @property
    def action(self) -> str:
        """The motion and the rest before or after it, in temporal order: "rests then slides left"."""
        before = [REST] if self.span in ("between", "last") else []
        after = [REST] if self.span in ("first", "between") else []
        return " then ".join([*before, self.motion, *after])

    def at_moment(self, moving: bool) -> ObjectDescription:
        """The description of a single moment of the clip: the motion alone, or "rests" if it is not active."""
        return self._replace(motion=self.motion if moving else REST, span="throughout")


def caption(rng: np.random.Generator, objects: Sequence[ObjectDescription], background: str) -> str:
    """One sentence about a scene, in words that `rng` draws.

    Six captions in ten describe everything that happens. The others name a part of the scene, down to "red circle" or
    "slides left" alone, so that the text encoder sees the short phrases that users give as concepts.

    Args:
        rng: the source of randomness. The same state gives the same sentence.
        objects: the objects, moving ones first.
        background: "dark" or "cluttered dark", for example.
    """
    if rng.random() < 0.6:
        clauses = [f"{article(_noun_phrase(rng, each))} {_verb_phrase(rng, each)}" for each in objects]
        if len(clauses) > 1 and rng.random() < 0.3:
            clauses.reverse()
        sentence = _join_clauses(clauses, rng.choice(["while", "as"]) if clauses[1:] else "")
        return sentence + (f" on {article(background)} background" if rng.random() < 0.5 else "")
    moving = [each for each in objects if each.motion != REST]
    one = objects[int(rng.integers(len(objects)))]
    names = [each.name for each in objects]
    partial = [
        one.name,
        article(one.name),
        article(_noun_phrase(rng, one)),
        f"{background} background with {article(one.name)}",
        " and ".join(article(name) for name in rng.permutation(names)),
        " and ".join(f"a {'resting' if each.motion == REST else 'moving'} {each.name}" for each in objects),
    ]
    if moving:
        mover = moving[rng.integers(len(moving))]
        partial += [f"{mover.name} {mover.motion}", f"{mover.name} {mover.action}", mover.motion, mover.action]
        partial += [" while ".join(each.motion for each in moving)]
    return str(rng.choice(partial))


def full_caption(objects: Sequence[ObjectDescription]) -> str:
    """One sentence about everything that happens in a scene, without randomness."""
    return _join_clauses([f"{article(each.name)} {each.action}" for each in objects], "while")


def article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _join_clauses(clauses: Sequence[str], conjunction: str) -> str:
    first, *others = clauses
    return f"{first} {conjunction} {' and '.join(others)}" if others else first


def _noun_phrase(rng: np.random.Generator, description: ObjectDescription) -> str:
    """The name, sometimes with texture or size before it."""
    texture = description.texture if rng.random() < 0.25 else ""
    size = description.size if description.size != "medium" and rng.random() < 0.15 else ""
    return " ".join(word for word in (size, texture, description.name) if word)


def _verb_phrase(rng: np.random.Generator, description: ObjectDescription) -> str:
    """The action, sometimes "stays still" instead of "rests"."""
    return "stays still" if description.motion == REST and rng.random() < 0.3 else description.action
