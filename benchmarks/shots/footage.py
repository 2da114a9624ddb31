"""Rendered shots: what a camera sees of a textured world, scenes of the demo world, and recordings of a screen.

A shot depends on its seed alone, and its motion on the time, so that a shot at other frame rates is the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from imap_fast.demo.world import sample

Picture = Callable[[float], np.ndarray]
"""The frame of a shot at a time in seconds, uint8 `[H, W, 3]`."""

MOVES = ("static", "drift", "pan", "zoom", "handheld")
DEMO_SECONDS = 6
"""A scene of the demo world lasts so long, and is shown forwards and backwards."""


def camera_shot(seed: int, size: tuple[int, int], move: str, *, world: int | None = None) -> Picture:
    """A camera that moves over a world of textures, in which up to four things move.

    Args:
        seed: of the shot.
        size: height and width, in pixels.
        move: of `MOVES`, or "whip" for a fast pan, "rush" for a fast zoom, "shake" for a camera that shakes.
        world: the seed of the world: shots of one world are similar. None: a world of its own.
    """
    height, width = size
    canvas = textured(seed if world is None else world, 3 * height, 3 * width)
    draw = np.random.default_rng([seed, 1])
    things = [moving_thing(np.random.default_rng([seed, 2, number]), size) for number in range(draw.integers(5))]
    centre, scale, angle = draw.uniform(0.42, 0.58, 2), draw.uniform(0.8, 1.5), draw.uniform(0, 2 * np.pi)
    if world is not None:  # similar shots see other parts of their world, and share some of it
        centre[:] = (0.42, 0.58) if seed % 2 else (0.58, 0.42)
    direction, speed = np.array([np.sin(angle), np.cos(angle)]), draw.uniform(0.7, 1.3)
    wobble = draw.uniform(0, 2 * np.pi, (2, 3))

    def picture(time: float) -> np.ndarray:
        at, zoom = centre.copy(), scale
        if move == "drift":
            at += direction * 0.02 * speed * np.sin(time)
        elif move == "pan":
            at += direction * 0.1 * speed * np.sin(0.9 * time)
        elif move == "zoom":
            zoom *= 1 + 0.3 * np.sin(0.8 * speed * time)
        elif move == "whip":
            at += direction * 0.22 * np.sin(3 * speed * time)
        elif move == "rush":
            zoom *= 1 + 0.45 * np.sin(3 * speed * time)
        elif move in ("handheld", "shake"):
            strength = 0.004 if move == "handheld" else 0.02
            at += strength * np.sin(np.array([7.0, 11.0, 17.0]) * time + wobble).sum(1)
        half = np.array(size) * zoom / 2
        top, left = (at * np.array(canvas.size[::-1]) - half).clip(0, np.array(canvas.size[::-1]) - 2 * half)
        box = (left, top, left + 2 * half[1], top + 2 * half[0])
        view = canvas.transform((width, height), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR)
        for thing in things:
            thing(view, time)
        return np.asarray(view)

    return picture


def textured(seed: int, height: int, width: int) -> Image.Image:
    """A world of four octaves of smooth noise in colours of its own, with things that stand in it."""
    draw = np.random.default_rng([seed, 0])
    canvas = np.zeros((height, width, 3), np.float32)
    base = draw.uniform(50, 205, 3)
    for octave, strength in ((4, 45), (12, 30), (36, 22), (96, 14)):
        grid = draw.normal(0, 1, (octave, octave, 1)) * draw.uniform(0.5, 1, 3) + draw.normal(
            0, 0.5, (octave, octave, 3)
        )
        for channel in range(3):
            plane = Image.fromarray(grid[..., channel].astype(np.float32))
            canvas[..., channel] += strength * np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC))
    picture = Image.fromarray((canvas + base).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(draw.integers(10, 60)):
        x, y = draw.uniform(0, width), draw.uniform(0, height)
        w, h = draw.uniform(0.02, 0.12, 2) * width
        shape = pen.rectangle if draw.random() < 0.6 else pen.ellipse
        shape((x, y, x + w, y + h), fill=tuple(draw.integers(0, 256, 3).tolist()))
    return picture.filter(ImageFilter.GaussianBlur(draw.uniform(0, width / 700)))


def moving_thing(draw: np.random.Generator, size: tuple[int, int]) -> Callable[[Image.Image, float], None]:
    """Something that moves through the picture on a curve: it is painted into the view of a time."""
    height, width = size
    w, h = (draw.uniform(0.06, 0.3, 2) * min(size)).round().astype(int) + 2
    skin = textured(int(draw.integers(2**31)), 4 * int(h), 4 * int(w)).resize((int(w), int(h)))
    mask = Image.new("L", skin.size)
    ImageDraw.Draw(mask).ellipse((0, 0, w - 1, h - 1), fill=255)
    centre, reach = draw.uniform(0.2, 0.8, 2), draw.uniform(0.05, 0.4, 2)
    pace, phase = draw.uniform(0.3, 2.5, 2), draw.uniform(0, 2 * np.pi, 2)

    def paint(view: Image.Image, time: float) -> None:
        y, x = centre + reach * np.sin(pace * time + phase)
        view.paste(skin, (round(x * width - w / 2), round(y * height - h / 2)), mask)

    return paint


def demo_shot(seed: int, size: tuple[int, int], fps: float, split: str) -> Picture:
    """A scene of the demo world."""
    count = max(25, round(DEMO_SECONDS * fps))
    frames = sample(seed, split, num_frames=count, side=96).frames

    def picture(time: float) -> np.ndarray:
        number = round(time * fps) % (2 * count - 2)
        frame = frames[number if number < count else 2 * count - 2 - number]
        return np.asarray(Image.fromarray(frame).resize(size[::-1], Image.Resampling.BICUBIC))

    return picture


def screen_shot(seed: int, size: tuple[int, int]) -> Picture:
    """A recording of a screen: lines of text, a cursor that moves, and a line that is typed."""
    draw = np.random.default_rng([seed, 4])
    desk = screen_window(draw, size[1], size[0], int(draw.integers(225, 256)))
    height, width = size

    def picture(time: float) -> np.ndarray:
        view = desk.copy()
        pen = ImageDraw.Draw(view)
        x, y = width * (0.5 + 0.3 * np.sin(time)), height * (0.5 + 0.3 * np.cos(1.7 * time))
        pen.rectangle((x, y, x + width / 60, y + height / 40), fill=(0, 0, 0))
        pen.rectangle(
            (width * 0.05, height * 0.9, width * (0.05 + 0.15 * (time % 5)), height * 0.92), fill=(40, 40, 60)
        )
        return np.asarray(view)

    return picture


def screen_window(draw: np.random.Generator, width: int, height: int, paper: int) -> Image.Image:
    """A window with a title and lines of text."""
    window = Image.new("RGB", (width, height), (paper, paper, paper))
    pen = ImageDraw.Draw(window)
    pen.rectangle((0, 0, width, max(2, height // 14)), fill=tuple(draw.integers(40, 200, 3).tolist()))
    step = max(4, height // 24)
    for top, below in pairwise(range(2 * step, height - step, step)):
        left = width // 20
        while left < width * draw.uniform(0.5, 0.95):
            word = int(draw.uniform(0.02, 0.09) * width) + 1
            ink = int(draw.integers(0, 110))
            pen.rectangle((left, top, left + word, (top + below) // 2), fill=(ink, ink, ink))
            left += word + width // 60 + 1
    return window
