"""The demo world: short clips of coloured shapes on a plain ground, one moving, the others at rest, with exact masks.

A scene follows from its seed alone, so the training set is a range of seeds. Some combinations of colour and shape
are in no scene of the `train` and `validation` splits: a `held_out` scene has only those, all new to a trained model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imap_fast.demo.captions import BACKGROUNDS, COLOURS, MOTIONS, REST, SHAPES, caption

FPS = 8.0
SPLITS = ("train", "validation", "held_out")
# Each colour is held out with one shape, so every colour and every shape is still trained on.
HELD_OUT = frozenset((colour, SHAPES[i % len(SHAPES)]) for i, colour in enumerate(COLOURS))

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


@dataclass(frozen=True)
class Object:
    """One shape of a scene.

    Attributes:
        colour, shape: of `COLOURS` and `SHAPES`.
        radius: half its width in pixels, about.
        motion: of `MOTIONS`, or "rests".
        mask: bool `[T, H, W]`, true where the object covers at least half the pixel.
    """

    colour: str
    shape: str
    radius: float
    motion: str
    mask: np.ndarray

    @property
    def label(self) -> str:
        """Its name in captions: "red circle"."""
        return f"{self.colour} {self.shape}"

    @property
    def moving(self) -> bool:
        """Whether it moves."""
        return self.motion != REST


@dataclass(frozen=True)
class Scene:
    """A rendered clip, frames uint8 `[T, H, W, 3]` RGB, and all that is true of it; the moving object comes first."""

    frames: np.ndarray
    caption: str
    objects: tuple[Object, ...]
    background: str
    fps: float = FPS


def sample(seed: int, split: str = "train", *, num_frames: int = 17, side: int = 80) -> Scene:
    """The scene that belongs to a seed: one moving object and up to two at rest, colours and shapes all different.

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
    names = _choose_names(rng, count, held_out=split == "held_out")
    motions = [str(rng.choice(MOTIONS)), *[REST] * (count - 1)]
    radii, centres = _place(rng, motions, num_frames)
    background = str(rng.choice(BACKGROUNDS))

    coverage = [
        _coverage(shape, radius * side, path * side, side)
        for (_, shape), radius, path in zip(names, radii, centres, strict=True)
    ]
    # A soft fall of light from top to bottom keeps the ground from looking like a test card.
    light = np.linspace(1.08, 0.92, side)[None, :, None, None]
    frames = np.broadcast_to(light * np.array(_RGB[background]), (num_frames, side, side, 3))
    for (colour, _), alpha in zip(names, coverage, strict=True):
        frames = frames + alpha[..., None] * (np.array(_RGB[colour]) - frames)
    objects = tuple(
        Object(colour, shape, radius * side, motion, alpha >= 0.5)
        for (colour, shape), radius, motion, alpha in zip(names, radii, motions, coverage, strict=True)
    )
    moving, *resting = (thing.label for thing in objects)
    sentence = caption(rng, moving, motions[0], resting, background)
    return Scene(np.rint(frames).astype(np.uint8), sentence, objects, background)


def _choose_names(rng: np.random.Generator, count: int, *, held_out: bool) -> list[tuple[str, str]]:
    """`count` (colour, shape) pairs, no colour and no shape twice, all of them held out or none."""
    while True:
        colours = rng.choice(COLOURS, count, replace=False)
        shapes = rng.choice(SHAPES, count, replace=False)
        names = [(str(colour), str(shape)) for colour, shape in zip(colours, shapes, strict=True)]
        if all((name in HELD_OUT) == held_out for name in names):
            return names


def _place(rng: np.random.Generator, motions: list[str], num_frames: int) -> tuple[list[float], list[np.ndarray]]:
    """Radii and centre paths `[T, 2]` (x, y), both as fractions of the side, such that nothing ever touches."""
    while True:
        radii = [float(radius) for radius in rng.uniform(0.12, 0.19, len(motions))]
        centres = [_path(rng, motion, num_frames) for motion in motions]
        inside = all(
            path.min() > radius + _MARGIN and path.max() < 1 - radius - _MARGIN
            for radius, path in zip(radii, centres, strict=True)
        )
        apart = all(
            np.hypot(*(centres[i] - centres[j]).T).min() > 1.2 * (radii[i] + radii[j]) + _MARGIN
            for i in range(len(motions))
            for j in range(i)
        )
        if inside and apart:
            return radii, centres


def _path(rng: np.random.Generator, motion: str, num_frames: int) -> np.ndarray:
    """Where the centre is in each frame, `[T, 2]` in fractions of the side."""
    start = rng.uniform(0.1, 0.9, 2)
    time = np.linspace(0, 1, num_frames)
    reach = rng.uniform(0.35, 0.6)
    if motion == REST:
        offset = np.zeros((num_frames, 2))
    elif motion == "bounces":
        offset = np.stack([np.zeros(num_frames), -0.6 * reach * np.abs(np.sin(2 * np.pi * time))], axis=1)
    else:
        direction = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[motion.split()[1]]
        offset = reach * time[:, None] * np.array(direction)
    return start + offset


def _coverage(shape: str, radius: float, centres: np.ndarray, side: int) -> np.ndarray:
    """How much of each pixel the shape covers, `[T, H, W]`: the signed distance cut off half a pixel either side."""
    still = bool((centres == centres[0]).all())
    coverage = np.zeros((1 if still else len(centres), side, side))
    for layer, (cx, cy) in zip(coverage, centres, strict=False):
        # Beyond its own box the shape covers nothing.
        left, top = (max(int(c - 1.3 * radius), 0) for c in (cx, cy))
        right, bottom = (int(c + 1.3 * radius) + 2 for c in (cx, cy))
        box = layer[top:bottom, left:right]
        y, x = np.ogrid[top : top + box.shape[0], left : left + box.shape[1]]
        x, y = np.broadcast_arrays((x + 0.5 - cx) / radius, (y + 0.5 - cy) / radius)
        box[:] = np.clip(0.5 - radius * _signed_distance(shape, x, y), 0, 1)
    return np.broadcast_to(coverage, (len(centres), side, side))


def _signed_distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance from each point to the outline of the unit shape, negative inside."""
    if shape == "circle":
        return np.hypot(x, y) - 0.95
    corners = _CORNERS[shape]
    distance = np.full(x.shape, np.inf)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        distance = np.minimum(distance, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * ex / ey)
    return np.where(inside, -distance, distance)


def _on_circle(angles: np.ndarray, radii: np.ndarray | float = 1.0, below: float = 0.0) -> np.ndarray:
    """Points `[n, 2]` at these angles (degrees, clockwise from the top) about a centre so far below the origin."""
    angles = np.radians(angles)
    return np.stack([radii * np.sin(angles), below - radii * np.cos(angles)], axis=1)


_ARM = 0.33  # half the width of the cross's arms
_CORNERS = {
    "square": 0.85 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
    "triangle": _on_circle(np.arange(3) * 120.0, 1.1, below=0.2),
    "star": _on_circle(np.arange(10) * 36.0, np.where(np.arange(10) % 2, 0.5, 1.12), below=0.05),
    "diamond": np.array([(0, -1.1), (0.8, 0), (0, 1.1), (-0.8, 0)]),
    "cross": np.concatenate(
        [[(x, y), (y, -x), (-x, -y), (-y, x)] for x, y in [(-_ARM, -1.0), (_ARM, -1.0), (_ARM, -_ARM)]]
    )[[0, 4, 8, 3, 7, 11, 2, 6, 10, 1, 5, 9]],
}
