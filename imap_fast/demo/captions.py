"""What the demo world can say: its words, its sentences, and the names of the things in it."""

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
# When a motion lasts: all the clip, or a part at its start, in its middle or at its end.
SPANS = ("throughout", "first", "between", "last")

# Every word of every caption: the vocabulary that the tokenizer knows as whole pieces.
WORDS = (
    *(*COLOURS, *SHAPES, *TEXTURES, *SIZES, *BACKGROUNDS, CLUTTERED, "background"),
    *("slides", "left", "right", "up", "down", "bounces", "spins", "grows", "flashes"),
    *("moves", "moving", "rests", "resting", "stays", "still", "then"),
    *("a", "an", "and", "as", "on", "the", "while", "with"),
)


class Told(NamedTuple):
    """What a caption can tell of one object.

    Attributes:
        name: "red circle".
        texture: of `TEXTURES`.
        size: of `SIZES`.
        motion: of `MOTIONS`, or "rests".
        span: of `SPANS`, when the motion lasts.
    """

    name: str
    texture: str
    size: str
    motion: str
    span: str

    @property
    def deed(self) -> str:
        """What it does, in order: "rests then slides left"."""
        before = [REST] if self.span in ("between", "last") else []
        after = [REST] if self.span in ("first", "between") else []
        return " then ".join([*before, self.motion, *after])

    def at_a_moment(self, moving: bool) -> Told:
        """What can be told of a moment of the clip, in which its motion lasts or does not."""
        return self._replace(motion=self.motion if moving else REST, span="throughout")


def caption(rng: np.random.Generator, things: Sequence[Told], background: str) -> str:
    """One sentence about a scene, its wording drawn by `rng`.

    Six captions in ten tell everything that happens; the others name a part of the scene, down to a bare "red circle"
    or "slides left", so that the text encoder meets the short phrases that a user asks for as concepts.

    Args:
        rng: where the draw comes from; the same state gives the same sentence.
        things: the objects, those that move first.
        background: "dark", or "cluttered dark".
    """
    if rng.random() < 0.6:
        clauses = [f"{article(_described(rng, thing))} {_deed(rng, thing)}" for thing in things]
        if len(clauses) > 1 and rng.random() < 0.3:
            clauses.reverse()
        sentence = _joined(clauses, rng.choice(["while", "as"]) if clauses[1:] else "")
        return sentence + (f" on {article(background)} background" if rng.random() < 0.5 else "")
    movers = [thing for thing in things if thing.motion != REST]
    one = things[rng.integers(len(things))]
    names = [thing.name for thing in things]
    partial = [
        one.name,
        article(one.name),
        article(_described(rng, one)),
        f"{background} background with {article(one.name)}",
        " and ".join(article(name) for name in rng.permutation(names)),
        " and ".join(f"a {'resting' if thing.motion == REST else 'moving'} {thing.name}" for thing in things),
    ]
    if movers:
        mover = movers[rng.integers(len(movers))]
        partial += [f"{mover.name} {mover.motion}", f"{mover.name} {mover.deed}", mover.motion, mover.deed]
        partial += [" while ".join(thing.motion for thing in movers)]
    return str(rng.choice(partial))


def full_caption(things: Sequence[Told]) -> str:
    """All that happens in a scene, always in the same words."""
    return _joined([f"{article(thing.name)} {thing.deed}" for thing in things], "while")


def article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _joined(clauses: Sequence[str], conjunction: str) -> str:
    first, *others = clauses
    return f"{first} {conjunction} {' and '.join(others)}" if others else first


def _described(rng: np.random.Generator, thing: Told) -> str:
    """The name, with its texture or its size now and then."""
    texture = thing.texture if rng.random() < 0.25 else ""
    size = thing.size if thing.size != "medium" and rng.random() < 0.15 else ""
    return " ".join(word for word in (size, texture, thing.name) if word)


def _deed(rng: np.random.Generator, thing: Told) -> str:
    return "stays still" if thing.motion == REST and rng.random() < 0.3 else thing.deed
