"""The demo world: short clips of coloured shapes, some of them moving, with exact masks and captions.

A scene depends on its split and seed alone, so a training set is a range of seeds. Some combinations of colour and
shape, and some of shape and motion, occur in no scene of the splits `train` and `validation`. The scenes of `held_out`
consist of only those, so they are all new to a trained model.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from imap_fast.demo.shapes import draw

FPS = 8.0
SPLITS = ("train", "validation", "held_out")
# Each colour and each motion is held out with one shape only, so that training sees it with the others.
HELD_OUT_NAMES = frozenset((colour, SHAPES[i % len(SHAPES)]) for i, colour in enumerate(COLOURS))
HELD_OUT_MOTIONS = frozenset((SHAPES[i % len(SHAPES)], motion) for i, motion in enumerate(MOTIONS))

_RGB = {
    "red": (222, 56, 49),
    "orange": (243, 142, 38),
    "yellow": (247, 214, 63),
    "green": (72, 178, 88),
    "blue": (50, 112, 222),
    "purple": (139, 77, 190),
    "pink": (242, 139, 183),
    "white": (244, 243, 238),
    "dark": (30, 32, 41),
    "grey": (122, 126, 132),
    "brown": (96, 70, 54),
}
_MARGIN = 0.02  # least distance between two objects, and from an object to the border, in fractions of the side
_SHADED = 0.55  # brightness of the shaded parts of a texture
_RADII = {"small": (0.10, 0.12), "medium": (0.12, 0.16), "large": (0.16, 0.18)}  # at the start, fractions of the side


@dataclass(frozen=True)
class Object:
    """One shape of a scene.

    Attributes:
        colour: of `COLOURS`.
        shape: of `SHAPES`.
        texture: of `TEXTURES`.
        size: of `SIZES`.
        radius: about half its width in the first frame, in pixels.
        motion: of `MOTIONS`, or "rests".
        span: of `SPANS`, the part of the clip in which the motion is active.
        moving: bool `[T]`, the frames in which the motion is active.
        mask: bool `[T, H, W]`, the pixels that the object covers by at least half.
    """

    colour: str
    shape: str
    texture: str
    size: str
    radius: float
    motion: str
    span: str
    moving: np.ndarray
    mask: np.ndarray

    @property
    def label(self) -> str:
        """The name of the object in captions: "red circle"."""
        return f"{self.colour} {self.shape}"

    @property
    def motion_mask(self) -> np.ndarray:
        """The mask while the motion is active, empty in the other frames, bool `[T, H, W]`."""
        return self.mask & self.moving[:, None, None]

    @property
    def description(self) -> ObjectDescription:
        """What captions can say about the object."""
        return ObjectDescription(self.label, self.texture, self.size, self.motion, self.span)


@dataclass(frozen=True)
class Scene:
    """A rendered clip and its ground truth.

    Attributes:
        frames: uint8 `[T, H, W, 3]`, RGB.
        caption: one sentence about the scene.
        objects: moving ones first.
        background: "dark" or "cluttered dark", for example.
        fps: frames per second.
    """

    frames: np.ndarray
    caption: str
    objects: tuple[Object, ...]
    background: str
    fps: float = FPS


def sample(seed: int, split: str = "train", *, num_frames: int = 25, side: int = 96) -> Scene:
    """The scene of a seed: one to three objects, one or two of them moving.

    Two objects of a scene never share a colour, a shape or a motion.

    Args:
        seed: an integer ≥ 0.
        split: "train"; "validation" for other scenes of the same combinations; "held_out" for the other combinations.
        num_frames: frames of the clip.
        side: height and width, in pixels.

    Raises:
        ValueError: an unknown split, or a size that is too small for a scene.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; give one of {', '.join(SPLITS)}")
    if num_frames < 1 or side < 16:
        raise ValueError(f"num_frames={num_frames} and side={side}: give at least 1 frame and 16 pixels")
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
    background = str(rng.choice(BACKGROUNDS))
    cluttered = rng.random() < 0.4

    frames = np.broadcast_to(_draw_background(rng, background, cluttered, side), (num_frames, side, side, 3))
    objects = []
    for (colour, shape), texture, size, motion, span, (radius, path) in zip(
        names, textures, sizes, motions, spans, placed, strict=True
    ):
        coverage, shade = draw(shape, texture, side, path.centre * side, radius * side * path.growth, path.angle)
        light = path.light[:, None, None] * (1 - (1 - _SHADED) * shade)
        frames = frames + coverage[..., None] * (light[..., None] * np.array(_RGB[colour]) - frames)
        objects.append(Object(colour, shape, texture, size, radius * side, motion, span, path.moving, coverage >= 0.5))
    background = f"{CLUTTERED} {background}" if cluttered else background
    sentence = caption(rng, [thing.description for thing in objects], background)
    return Scene(np.rint(frames).astype(np.uint8), sentence, tuple(objects), background)


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


def _draw_background(rng: np.random.Generator, background: str, cluttered: bool, side: int) -> np.ndarray:
    """The picture without its objects, fp64 `[H, W, 3]` in [0, 255]."""
    # A brightness gradient from top to bottom makes the background look less artificial.
    ground = np.linspace(1.08, 0.92, side)[:, None, None] * np.broadcast_to(_RGB[background], (side, side, 3))
    if cluttered:
        for _ in range(36):
            shape, radius, centre = rng.choice(SHAPES), rng.uniform(0.015, 0.05), rng.uniform(0, 1, 2)
            (coverage,), _ = draw(
                str(shape), "plain", side, centre[None] * side, np.array([radius * side]), rng.uniform(0, 6, 1)
            )
            tint = rng.choice([-1, 1]) * rng.uniform(10, 26) + rng.uniform(-6, 6, 3)
            ground = ground + 0.9 * coverage[..., None] * tint
    return np.clip(ground, 0, 255)
