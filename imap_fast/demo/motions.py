"""The motions of the demo world's objects. Every motion has a beginning and an end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imap_fast.demo.captions import REST


@dataclass(frozen=True)
class Trajectory:
    """Position, size, angle and brightness of one object in each of `T` frames.

    Attributes:
        moving: bool `[T]`, the frames in which the motion is active.
        centre: `[T, 2]`, (x, y) in fractions of the side.
        growth: `[T]`, radius relative to that of the first frame.
        angle: `[T]`, in radians, clockwise.
        light: `[T]`, brightness relative to that of the colour.
    """

    moving: np.ndarray
    centre: np.ndarray
    growth: np.ndarray
    angle: np.ndarray
    light: np.ndarray


def draw_trajectory(rng: np.random.Generator, motion: str, span: str, num_frames: int) -> Trajectory:
    """A random trajectory of an object.

    Args:
        rng: the source of randomness.
        motion: of `captions.MOTIONS`, or "rests".
        span: of `captions.SPANS`, the part of the clip in which the motion is active.
        num_frames: `T`.
    """
    moving = _moving_frames(rng, span, num_frames) if motion != REST else np.zeros(num_frames, bool)
    # From 0 before the motion to 1 after it.
    progress = np.clip((np.cumsum(moving) - 1) / max(moving.sum() - 1, 1), 0, 1)
    centre = np.broadcast_to(rng.uniform(0.1, 0.9, 2), (num_frames, 2))
    growth, light = np.ones((2, num_frames))
    angle = np.zeros(num_frames)
    if motion.startswith("slides"):
        direction = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[motion.split()[1]]
        centre = centre + rng.uniform(0.3, 0.55) * progress[:, None] * np.array(direction)
    elif motion == "bounces":
        hops = rng.integers(1, 3)
        centre = centre - rng.uniform(0.2, 0.35) * np.abs(np.sin(np.pi * hops * progress))[:, None] * np.array((0, 1))
    elif motion == "spins":
        angle = rng.choice([-1, 1]) * rng.uniform(1.0, 1.6) * np.pi * progress
    elif motion == "grows":
        growth = 1 + rng.uniform(0.6, 0.9) * progress
    elif motion == "flashes":
        light = np.where(moving & (np.cumsum(moving) % 4 < 2), 0.35, 1.0)
    return Trajectory(moving, centre, growth, angle, light)


def _moving_frames(rng: np.random.Generator, span: str, num_frames: int) -> np.ndarray:
    """The frames in which a motion is active, bool `[T]`.

    These are all frames, or about a third to two thirds of them in the part of the clip that `span` names.
    """
    if span == "throughout":
        return np.ones(num_frames, bool)
    length = max(round(num_frames * rng.uniform(0.35, 0.65)), 1)
    rest = num_frames - length
    between = int(rng.integers(rest // 3, rest - rest // 3 + 1))
    start = {"first": 0, "between": between, "last": rest}[span]
    frame = np.arange(num_frames)
    return (start <= frame) & (frame < start + length)
