"""The demo world: short clips of coloured shapes, some of which move for a while, with exact masks and captions.

A scene follows from its seed alone, so the training set is a range of seeds. Some combinations of colour and shape, and
some of shape and motion, are in no scene of the `train` and `validation` splits: a `held_out` scene has only those, all
new to a trained model.
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
    Told,
    caption,
)
from imap_fast.demo.motions import Course, draw_course
from imap_fast.demo.shapes import draw

FPS = 8.0
SPLITS = ("train", "validation", "held_out")
# Each colour is held out with one shape and each motion with one, so all of them are still trained on.
HELD_OUT_NAMES = frozenset((colour, SHAPES[i % len(SHAPES)]) for i, colour in enumerate(COLOURS))
HELD_OUT_DEEDS = frozenset((SHAPES[i % len(SHAPES)], motion) for i, motion in enumerate(MOTIONS))

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
_MARGIN = 0.02  # of the side: least distance between two objects, and from an object to the border
_SHADED = 0.55  # brightness of a texture's shaded parts
_RADII = {"small": (0.10, 0.12), "medium": (0.12, 0.16), "large": (0.16, 0.18)}  # of the side, at the start


@dataclass(frozen=True)
class Object:
    """One shape of a scene.

    Attributes:
        colour, shape, texture, size: of `COLOURS`, `SHAPES`, `TEXTURES` and `SIZES`.
        radius: half its width in the first frame in pixels, about.
        motion: of `MOTIONS`, or "rests".
        span: of `SPANS`, when the motion lasts.
        moving: bool `[T]`, true in the frames in which it lasts.
        mask: bool `[T, H, W]`, true where the object covers at least half the pixel.
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
        """Its name in captions: "red circle"."""
        return f"{self.colour} {self.shape}"

    @property
    def motion_mask(self) -> np.ndarray:
        """Where it is while it moves, bool `[T, H, W]`."""
        return self.mask & self.moving[:, None, None]

    @property
    def told(self) -> Told:
        """What captions can tell of it."""
        return Told(self.label, self.texture, self.size, self.motion, self.span)


@dataclass(frozen=True)
class Scene:
    """A rendered clip, frames uint8 `[T, H, W, 3]` RGB, and all that is true of it; objects that move come first."""

    frames: np.ndarray
    caption: str
    objects: tuple[Object, ...]
    background: str
    fps: float = FPS


def sample(seed: int, split: str = "train", *, num_frames: int = 25, side: int = 96) -> Scene:
    """The scene that belongs to a seed: one to three objects, one or two of them moving, no word true of two.

    Args:
        seed: a whole number from 0.
        split: "train"; "validation", other scenes of the same combinations; or "held_out", of combinations in neither.
        num_frames: frames in the clip.
        side: height and width in pixels.

    Raises:
        ValueError: for a split that does not exist, or a size without room for a scene.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; choose one of {', '.join(SPLITS)}.")
    if num_frames < 1 or side < 16:
        raise ValueError(f"num_frames={num_frames} and side={side}: a scene needs 1 frame and 16 pixels at least.")
    rng = np.random.default_rng([SPLITS.index(split), seed])
    count = int(rng.choice([1, 2, 3], p=[0.2, 0.5, 0.3]))
    movers = min(int(rng.choice([1, 2], p=[0.65, 0.35])), count)
    names, motions = _choose_words(rng, count, movers, held_out=split == "held_out")
    spans = [str(span) for span in rng.choice(SPANS, movers, p=[0.16, 0.28, 0.28, 0.28])]
    spans += [SPANS[0]] * (count - movers)
    # A plain circle looks the same however it turns.
    textures = [
        str(rng.choice(TEXTURES if (shape, motion) != ("circle", "spins") else TEXTURES[1:]))
        for (_, shape), motion in zip(names, motions, strict=True)
    ]
    sizes = [str(size) for size in rng.choice(SIZES, count, p=[0.2, 0.6, 0.2])]
    placed = _place(rng, motions, spans, sizes, num_frames)
    background = str(rng.choice(BACKGROUNDS))
    cluttered = rng.random() < 0.4

    frames = np.broadcast_to(_ground(rng, background, cluttered, side), (num_frames, side, side, 3))
    objects = []
    for (colour, shape), texture, size, motion, span, (radius, course) in zip(
        names, textures, sizes, motions, spans, placed, strict=True
    ):
        coverage, shade = draw(shape, texture, side, course.centre * side, radius * side * course.growth, course.angle)
        light = course.light[:, None, None] * (1 - (1 - _SHADED) * shade)
        frames = frames + coverage[..., None] * (light[..., None] * np.array(_RGB[colour]) - frames)
        objects.append(
            Object(colour, shape, texture, size, radius * side, motion, span, course.moving, coverage >= 0.5)
        )
    background = f"{CLUTTERED} {background}" if cluttered else background
    sentence = caption(rng, [thing.told for thing in objects], background)
    return Scene(np.rint(frames).astype(np.uint8), sentence, tuple(objects), background)


def _choose_words(
    rng: np.random.Generator, count: int, movers: int, *, held_out: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """`count` (colour, shape) pairs and their motions, no word twice, all combinations held out or none."""
    allowed = [(c, s) for c in COLOURS for s in SHAPES if ((c, s) in HELD_OUT_NAMES) == held_out]
    while True:
        names = [allowed[i] for i in rng.choice(len(allowed), count, replace=False)]
        motions = [
            str(rng.choice([motion for motion in MOTIONS if ((shape, motion) in HELD_OUT_DEEDS) == held_out]))
            for _, shape in names[:movers]
        ]
        if all(len(set(words)) == len(words) for words in (*zip(*names, strict=True), motions)):
            return names, motions + [REST] * (count - movers)


def _place(
    rng: np.random.Generator, motions: list[str], spans: list[str], sizes: list[str], num_frames: int
) -> list[tuple[float, Course]]:
    """Radii in fractions of the side, and courses, such that nothing ever touches or leaves the picture."""
    while True:
        placed: list[tuple[float, Course]] = []
        for motion, span, size in zip(motions, spans, sizes, strict=True):
            for _ in range(60):
                radius, course = float(rng.uniform(*_RADII[size])), draw_course(rng, motion, span, num_frames)
                if _inside(radius, course) and all(_apart(radius, course, *other) for other in placed):
                    placed.append((radius, course))
                    break
        if len(placed) == len(motions):
            return placed


def _inside(radius: float, course: Course) -> bool:
    room = np.minimum(course.centre, 1 - course.centre).min(axis=1)
    return bool((room > radius * course.growth + _MARGIN).all())


def _apart(radius: float, course: Course, other_radius: float, other: Course) -> bool:
    distance = np.hypot(*(course.centre - other.centre).T)
    return bool((distance > 1.2 * (radius * course.growth + other_radius * other.growth) + _MARGIN).all())


def _ground(rng: np.random.Generator, background: str, cluttered: bool, side: int) -> np.ndarray:
    """The picture without its objects, `[H, W, 3]`."""
    # A soft fall of light from top to bottom keeps the ground from looking like a test card.
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
