"""What the demo world can say: its words, its sentences, and the names of the things in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white")
SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross")
BACKGROUNDS = ("dark", "grey", "brown")
MOTIONS = ("slides left", "slides right", "slides up", "slides down", "bounces")
REST = "rests"

# Every word of every caption: the vocabulary that the tokenizer knows as whole pieces.
WORDS = (
    *(*COLOURS, *SHAPES, *BACKGROUNDS, "background"),
    *("slides", "left", "right", "up", "down", "bounces", "moves", "moving", "rests", "resting", "stays", "still"),
    *("a", "an", "and", "as", "on", "the", "while", "with"),
)


def caption(rng: np.random.Generator, moving: str, motion: str, resting: list[str], background: str) -> str:
    """One sentence about a scene, its wording drawn by `rng`.

    Six captions in ten tell everything; the others name a part of the scene, down to a bare "red circle", so that the
    text encoder meets the short phrases that a user asks for as concepts.

    Args:
        rng: where the draw comes from; the same state gives the same sentence.
        moving: the moving object's name, "red circle".
        motion: how it moves, "slides right".
        resting: the names of the objects at rest, none to two.
        background: "dark", "grey" or "brown".
    """
    rest = str(rng.choice([REST, "stays still"]))
    if rng.random() < 0.6:
        mover = f"{article(moving)} {motion}"
        others = [f"{article(name)} {rest}" for name in resting]
        if others and rng.random() < 0.3:
            sentence = f"{' and '.join(others)} while {mover}"
        elif others:
            sentence = f"{mover} {rng.choice(['while', 'as'])} {' and '.join(others)}"
        else:
            sentence = mover
        return sentence + (f" on a {background} background" if rng.random() < 0.5 else "")
    names = [moving, *resting]
    one = str(rng.choice(names))
    partial = [
        one,
        article(one),
        f"{moving} {motion}",
        f"a moving {moving}",
        motion,
        f"{background} background with {article(one)}",
        " and ".join(rng.permutation(names)),
        " and ".join(article(name) for name in rng.permutation(names)),
        f"a moving {moving}" + "".join(f" and a resting {name}" for name in resting),
        f"the {moving} moves",
    ]
    return str(rng.choice(partial))


def article(name: str) -> str:
    """The name with "a" or "an" before it."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
