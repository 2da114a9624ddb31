"""Rendered films: shots with a kind of transition between them, or one shot with a distraction."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from PIL import Image

from benchmarks.shots.footage import MOVES, Picture, camera_shot, demo_shot, screen_shot, screen_window, textured

SIZES = ((96, 96), (96, 96), (180, 320), (180, 320), (240, 360), (480, 720))
RATES = (8, 12, 24, 24, 30, 60)
QUALITIES = (None, None, 18, 24, 32)
"""The crf of x264. None: not encoded."""

DISSOLVES = (6, 12, 24, 48)
DISTRACTION_FRAMES = 150
Frames = list[np.ndarray]


@dataclass(frozen=True)
class Film:
    """Frames, and where its shots begin.

    Attributes:
        kind: of `TRANSITIONS` or `DISTRACTIONS`.
        frames: uint8 `[H, W, 3]` each.
        fps: frames per second.
        cuts: for each cut, the first and the last frame at which it counts as found.
    """

    kind: str
    frames: Frames
    fps: int
    cuts: tuple[tuple[int, int], ...] = ()


def film(kind: str, seed: int, split: str) -> Film:
    """The film of a kind and a seed, at a size, a frame rate and a quality of its own.

    Args:
        kind: of `TRANSITIONS` or `DISTRACTIONS`.
        seed: an integer ≥ 0.
        split: of the demo world.
    """
    draw = np.random.default_rng([seed, 5])
    size, fps = SIZES[draw.integers(len(SIZES))], int(draw.choice(RATES))
    quality = QUALITIES[draw.integers(len(QUALITIES))]
    if kind in TRANSITIONS:
        frames, cuts = joined(kind, seed, size, fps, split, draw)
    else:
        frames, cuts = DISTRACTIONS[kind](seed, size, fps, draw), ()
    if kind == "key frames":
        frames = encoded(frames, fps, crf=36, interval=12)
    elif quality is not None:
        frames = encoded(frames, fps, crf=quality, interval=250)
    return Film(kind, frames, fps, tuple(cuts))


# Transitions


def joined(
    kind: str, seed: int, size: tuple[int, int], fps: int, split: str, draw: np.random.Generator
) -> tuple[Frames, list[tuple[int, int]]]:
    """The frames of a few shots, and their cuts."""
    join = TRANSITIONS[kind]
    count = 8 if kind == "montage of 8 frames" else 3
    frames: Frames = []
    cuts: list[tuple[int, int]] = []
    for number in range(count):
        shot = transition_shot(kind, 10 * seed + number, seed, size, fps, split, draw)
        length = 8 if kind == "montage of 8 frames" else int(draw.integers(45, 75)) + join.frames
        new = [shot(index / fps) for index in range(length)]
        if not frames:
            frames = new
            continue
        begin = len(frames) - join.frames
        mixed = [
            join.mix(frames[begin + index], new[index], (index + 1) / (join.frames + 1)) for index in range(join.frames)
        ]
        middle = begin + join.frames / 2
        cuts.append((int(np.ceil(middle - join.tolerance)), int(middle + join.tolerance)))
        frames[begin:] = mixed + new[join.frames :]
    return frames, cuts


def transition_shot(
    kind: str, seed: int, world: int, size: tuple[int, int], fps: int, split: str, draw: np.random.Generator
) -> Picture:
    """One shot of a film with transitions."""
    if kind == "cut, demo world" or (kind.startswith("dissolve") and world % 4 == 0):
        return demo_shot(seed, size, fps, split)
    move = str(draw.choice(MOVES))
    shot = camera_shot(seed, size, move, world=world if kind == "cut, similar shots" else None)
    if kind == "cut, bars":
        return barred(shot, size, np.random.default_rng([world, 6]))
    if kind == "cut, dark shots" and seed % 10 != world % 3:  # two of three shots
        return lambda time: (6 + shot(time) // 14).astype(np.uint8)
    return shot


def barred(shot: Picture, size: tuple[int, int], draw: np.random.Generator) -> Picture:
    """The shot between two black bars, above and below it or beside it, each up to a quarter of the picture."""
    axis = int(draw.integers(2))
    bar = round(draw.uniform(0.04, 0.25) * size[axis])

    def picture(time: float) -> np.ndarray:
        frame = shot(time).copy()
        along = frame.swapaxes(0, axis)
        along[:bar], along[-bar:] = 0, 0
        return frame

    return picture


@dataclass(frozen=True)
class Join:
    """How two shots are joined: over how many frames, and how far from the middle a cut may be found.

    `mix` gives the frame of two frames and the part of the transition that is over, in (0, 1).
    """

    frames: int = 0
    tolerance: float = 0
    mix: Callable[[np.ndarray, np.ndarray, float], np.ndarray] = lambda before, after, part: before


def dissolved(before: np.ndarray, after: np.ndarray, part: float) -> np.ndarray:
    """The mean of two frames, weighted by `part`."""
    return np.rint(before * (1 - part) + after * part).astype(np.uint8)


def faded(level: int) -> Callable[[np.ndarray, np.ndarray, float], np.ndarray]:
    """To a level and back from it, which is held for a tenth of the time."""

    def mix(before: np.ndarray, after: np.ndarray, part: float) -> np.ndarray:
        frame, light = (before, 1 - part / 0.45) if part < 0.5 else (after, (part - 0.55) / 0.45)
        return dissolved(np.full_like(frame, level), frame, max(light, 0))

    return mix


def combed(before: np.ndarray, after: np.ndarray, part: float) -> np.ndarray:
    """The fields of two frames: every second line is of the new shot."""
    mixed = before.copy()
    mixed[1::2] = after[1::2]
    return mixed


def wiped(before: np.ndarray, after: np.ndarray, part: float) -> np.ndarray:
    """The new shot from the left."""
    edge = round(part * before.shape[1])
    return np.concatenate([after[:, :edge], before[:, edge:]], 1)


TRANSITIONS: dict[str, Join] = {
    "cut": Join(),
    "cut, similar shots": Join(),
    "cut, demo world": Join(),
    "cut, bars": Join(),
    "cut, dark shots": Join(),
    "cut, one blended frame": Join(1, 1, dissolved),
    "cut, one combed frame": Join(1, 1, combed),
    "montage of 8 frames": Join(),
    **{f"dissolve of {frames}": Join(frames, max(1, frames / 4), dissolved) for frames in DISSOLVES},
    "fade through black": Join(24, 6, faded(0)),
    "short fade through black": Join(8, 2, faded(0)),
    "fade through white": Join(24, 6, faded(255)),
    "wipe": Join(16, 8, wiped),
}

# Distractions


def one_shot(seed: int, size: tuple[int, int], fps: int, move: str) -> Frames:
    """The frames of one shot of a camera."""
    shot = camera_shot(seed, size, move)
    return [shot(index / fps) for index in range(DISTRACTION_FRAMES)]


def moving(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """One shot without a distraction."""
    return one_shot(seed, size, fps, str(draw.choice(MOVES)))


def camera(move: str) -> Callable[..., Frames]:
    """One shot of a camera that moves so."""
    return lambda seed, size, fps, draw: one_shot(seed, size, fps, move)


def lit(light: Callable[[np.random.Generator, int], np.ndarray]) -> Callable[..., Frames]:
    """One shot whose light changes: frames are multiplied by `light`, one number for each frame."""

    def frames(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
        shot = moving(seed, size, fps, draw)
        return [
            (frame * gain).clip(0, 255).astype(np.uint8)
            for frame, gain in zip(shot, light(draw, len(shot)), strict=True)
        ]

    return frames


def flashes(draw: np.random.Generator, count: int) -> np.ndarray:
    """Three flashes of one to four frames."""
    gains = np.ones(count)
    for begin in (20, 60, 110):
        gains[begin : begin + draw.integers(1, 5)] = draw.uniform(1.8, 6)
    return gains


def flicker(draw: np.random.Generator, count: int) -> np.ndarray:
    """Another brightness in each frame."""
    return 1 + draw.uniform(-0.15, 0.15, count)


def exposure(draw: np.random.Generator, count: int) -> np.ndarray:
    """A change within 1 to 24 frames, and back."""
    ramp, gain = int(draw.integers(1, 25)), draw.choice([0.35, 0.5, 1.5, 1.9])
    return np.interp(np.arange(count), [40, 40 + ramp, 100, 100 + ramp], [1, gain, gain, 1])


def explosion(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """Light that grows from a point within three frames, stays white for up to four, and goes within twenty."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] / min(size)
    at, held = draw.uniform(0.3, 0.9, 2), int(draw.integers(1, 5))
    distance = np.hypot(rows - at[0], columns - at[1])[..., None]
    colour = np.array([255.0, 235.0, 200.0])
    result = []
    for index, frame in enumerate(moving(seed, size, fps, draw)):
        strength = np.interp(index, [59, 62, 61 + held, 80 + held], [0, 1.7, 1.7, 0])
        light = (strength * np.exp(-1.2 * distance)).clip(0, 1)
        result.append((frame * (1 - light) + colour * light).astype(np.uint8))
    return result


def noisy(cell: int, strength: float) -> Callable[..., Frames]:
    """Noise of its own in each frame, in cells of so many pixels."""

    def frames(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
        result = []
        for frame in moving(seed, size, fps, draw):
            noise = draw.normal(0, strength, (-(-size[0] // cell), -(-size[1] // cell), 3))
            noise = noise.repeat(cell, 0).repeat(cell, 1)[: size[0], : size[1]]
            result.append((frame + noise).clip(0, 255).astype(np.uint8))
        return result

    return frames


def filled(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """Something large crosses the picture: it covers between half of it and all of it for a while."""
    height, width = size
    share = draw.uniform(0.5, 1.2)
    skin = np.asarray(textured(seed + 7, height, round(share * width)))
    seconds = draw.uniform(0.5, 2)
    result = []
    for index, frame in enumerate(moving(seed, size, fps, draw)):
        left = round(width - (index - 30) / (fps * seconds) * width)
        begin, end = max(left, 0), min(left + skin.shape[1], width)
        if begin < end:
            frame = frame.copy()
            frame[:, begin:end] = skin[:, begin - left : end - left]
        result.append(frame)
    return result


def opened(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """A recording of a screen in which three windows open, the last over most of it, and one closes."""
    height, width = size
    shot, result = screen_shot(seed, size), []
    windows = [
        (
            begin,
            end,
            screen_window(draw, round(width * part), round(height * part), paper),
            draw.uniform(0, 1 - part, 2),
        )
        for begin, end, part, paper in (
            (30, 999, 0.3, 240),
            (60, 120, 0.5, 250),
            (90, 999, 0.7, int(draw.choice([30, 235]))),
        )
    ]
    for index in range(DISTRACTION_FRAMES):
        frame = Image.fromarray(shot(index / fps))
        for begin, end, window, (x, y) in windows:
            if begin <= index < end:
                frame.paste(window, (round(x * width), round(y * height)))
        result.append(np.asarray(frame))
    return result


def black_start(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """Black frames, from which the picture comes at once or within 20 frames."""
    black, ramp = int(draw.integers(3, 40)), int(draw.choice([0, 20]))
    gains = np.interp(np.arange(DISTRACTION_FRAMES), [black, black + ramp + 1], [0, 1])
    shot = moving(seed, size, fps, draw)
    return [(frame * gain).astype(np.uint8) for frame, gain in zip(shot, gains, strict=True)]


def demo_world(seed: int, size: tuple[int, int], fps: int, draw: np.random.Generator) -> Frames:
    """A scene of the demo world."""
    shot = demo_shot(seed, size, fps, "train" if seed < 1000 else "held_out")
    return [shot(index / fps) for index in range(DISTRACTION_FRAMES)]


DISTRACTIONS: dict[str, Callable[..., Frames]] = {
    "no distraction": moving,
    "demo world": demo_world,
    "static shot": camera("static"),
    "fast pan": camera("whip"),
    "fast zoom": camera("rush"),
    "shaking camera": camera("shake"),
    "flashes": lit(flashes),
    "explosion": explosion,
    "flicker": lit(flicker),
    "exposure": lit(exposure),
    "noise": noisy(1, 20),
    "grain": noisy(3, 12),
    "object fills the frame": filled,
    "window opens": opened,
    "key frames": moving,
    "black at the start": black_start,
}


def encoded(frames: Frames, fps: int, crf: int, interval: int) -> Frames:
    """The frames after x264 at a quality, with a key frame after so many frames."""
    height, width = frames[0].shape[:2]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        # With `mbtree` the same frames do not give the same bytes on processors with AVX-512.
        stream.options = {"crf": str(crf), "preset": "veryfast", "g": str(interval), "threads": "1", "mbtree": "0"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
