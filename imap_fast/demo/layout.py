"""What is in a scene of the demo world: drawn once from a seed, small, and the same for every renderer.

A layout depends on its split and seed alone, and knows no pixels. Some combinations of colour and shape, and some of
shape and motion, occur in no scene of the splits `train` and `validation`. The scenes of `held_out` consist of only
those, so they are all new to a trained model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from imap_fast.demo.captions import (
    BACKGROUNDS,
    CLUTTERED,
    COLOURS,
    MOTIONS,
    REST,
    SHAPES,
    SIZES,
    SPANS,
    TEXTURES,
    ObjectDescription,
    caption,
)
from imap_fast.demo.motions import Trajectory, draw_trajectory

SPLITS = ("train", "validation", "held_out")
# Each colour and each motion is held out with one shape only, so that training sees it with the others.
HELD_OUT_NAMES = frozenset((colour, SHAPES[i % len(SHAPES)]) for i, colour in enumerate(COLOURS))
HELD_OUT_MOTIONS = frozenset((SHAPES[i % len(SHAPES)], motion) for i, motion in enumerate(MOTIONS))

SPECKS = 36  # of a cluttered background
_MARGIN = 0.02  # least distance between two objects, and from an object to the border, in fractions of the side
_RADII = {"small": (0.10, 0.12), "medium": (0.12, 0.16), "large": (0.16, 0.18)}  # at the start, fractions of the side


class PlacedObject(NamedTuple):
    """One shape and its way through the clip.

    Attributes:
        colour: of `COLOURS`.
        shape: of `SHAPES`.
        texture: of `TEXTURES`.
        size: of `SIZES`.
        motion: of `MOTIONS`, or "rests".
        span: of `SPANS`, the part of the clip in which the motion is active.
        radius: about half its width in the first frame, in fractions of the side.
        path: its trajectory.
    """

    colour: str
    shape: str
    texture: str
    size: str
    motion: str
    span: str
    radius: float
    path: Trajectory

    @property
    def description(self) -> ObjectDescription:
        """What captions can say about the object."""
        return ObjectDescription(f"{self.colour} {self.shape}", self.texture, self.size, self.motion, self.span)


class Speck(NamedTuple):
    """A faint shape of a cluttered background.

    Attributes:
        shape: of `SHAPES`.
        centre: `[2]`, (x, y) in fractions of the side.
        radius: in fractions of the side.
        angle: in radians, clockwise.
        tint: `[3]`, what it adds to red, green and blue in [0, 255].
    """

    shape: str
    centre: np.ndarray
    radius: float
    angle: float
    tint: np.ndarray


@dataclass(frozen=True)
class Layout:
    """The content of a scene.

    Attributes:
        objects: moving ones first. Each has another shape.
        ground: the colour of the background, of `BACKGROUNDS`.
        specks: of a cluttered background, `SPECKS` or none.
        background: in words, "dark" or "cluttered dark", for example.
        caption: one sentence about the scene.
    """

    objects: tuple[PlacedObject, ...]
    ground: str
    specks: tuple[Speck, ...]
    background: str
    caption: str


def draw_layout(seed: int, split: str, num_frames: int) -> Layout:
    """The layout of a seed: one to three objects, one or two of them moving.

    Two objects of a scene never share a colour, a shape or a motion.

    Args:
        seed: an integer ≥ 0.
        split: of `SPLITS`.
        num_frames: frames of the clip.

    Raises:
        ValueError: an unknown split, or no frames.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; give one of {', '.join(SPLITS)}")
    if num_frames < 1:
        raise ValueError(f"num_frames={num_frames}: give at least 1 frame")
    rng = np.random.default_rng([SPLITS.index(split), seed])
    count = int(rng.choice([1, 2, 3], p=[0.2, 0.5, 0.3]))
    movers = min(int(rng.choice([1, 2], p=[0.65, 0.35])), count)
    names, motions = _draw_names_and_motions(rng, count, movers, held_out=split == "held_out")
    spans = [str(span) for span in rng.choice(SPANS, movers, p=[0.16, 0.28, 0.28, 0.28])]
    spans += [SPANS[0]] * (count - movers)
    # The spin of a plain circle would be invisible.
    textures = [
        str(rng.choice(TEXTURES if (shape, motion) != ("circle", "spins") else TEXTURES[1:]))
        for (_, shape), motion in zip(names, motions, strict=True)
    ]
    sizes = [str(size) for size in rng.choice(SIZES, count, p=[0.2, 0.6, 0.2])]
    placed = _draw_placement(rng, motions, spans, sizes, num_frames)
    objects = tuple(
        PlacedObject(colour, shape, texture, size, motion, span, radius, path)
        for (colour, shape), texture, size, motion, span, (radius, path) in zip(
            names, textures, sizes, motions, spans, placed, strict=True
        )
    )
    ground = str(rng.choice(BACKGROUNDS))
    cluttered = rng.random() < 0.4
    specks = tuple(_draw_speck(rng) for _ in range(SPECKS if cluttered else 0))
    background = f"{CLUTTERED} {ground}" if cluttered else ground
    sentence = caption(rng, [thing.description for thing in objects], background)
    return Layout(objects, ground, specks, background, sentence)


def _draw_names_and_motions(
    rng: np.random.Generator, count: int, movers: int, *, held_out: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """`count` pairs (colour, shape) and their motions, without repetition.

    The first `movers` objects move. The combinations are all held out, or all not.
    """
    allowed = [(c, s) for c in COLOURS for s in SHAPES if ((c, s) in HELD_OUT_NAMES) == held_out]
    while True:
        names = [allowed[i] for i in rng.choice(len(allowed), count, replace=False)]
        motions = [
            str(rng.choice([motion for motion in MOTIONS if ((shape, motion) in HELD_OUT_MOTIONS) == held_out]))
            for _, shape in names[:movers]
        ]
        if all(len(set(words)) == len(words) for words in (*zip(*names, strict=True), motions)):
            return names, motions + [REST] * (count - movers)


def _draw_placement(
    rng: np.random.Generator, motions: list[str], spans: list[str], sizes: list[str], num_frames: int
) -> list[tuple[float, Trajectory]]:
    """The radius, in fractions of the side, and the trajectory of each object.

    Objects never touch each other and never leave the picture.
    """
    while True:
        placed: list[tuple[float, Trajectory]] = []
        for motion, span, size in zip(motions, spans, sizes, strict=True):
            for _ in range(60):
                radius, path = float(rng.uniform(*_RADII[size])), draw_trajectory(rng, motion, span, num_frames)
                if _is_inside(radius, path) and all(_are_apart(radius, path, *other) for other in placed):
                    placed.append((radius, path))
                    break
        if len(placed) == len(motions):
            return placed


def _is_inside(radius: float, path: Trajectory) -> bool:
    """Whether an object stays inside the picture in every frame."""
    room = np.minimum(path.centre, 1 - path.centre).min(axis=1)
    return bool((room > radius * path.growth + _MARGIN).all())


def _are_apart(radius: float, path: Trajectory, other_radius: float, other: Trajectory) -> bool:
    """Whether two objects keep their distance in every frame."""
    distance = np.hypot(*(path.centre - other.centre).T)
    return bool((distance > 1.2 * (radius * path.growth + other_radius * other.growth) + _MARGIN).all())


def _draw_speck(rng: np.random.Generator) -> Speck:
    shape, radius, centre = rng.choice(SHAPES), rng.uniform(0.015, 0.05), rng.uniform(0, 1, 2)
    angle = rng.uniform(0, 6)
    tint = rng.choice([-1, 1]) * rng.uniform(10, 26) + rng.uniform(-6, 6, 3)
    return Speck(str(shape), centre, radius, angle, tint)
