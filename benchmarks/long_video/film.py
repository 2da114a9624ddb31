"""A film to measure on: shots of the demo's world, rendered one after the other into an H.264 file with B frames.

The same arguments give the same pictures. The world is drawn small and enlarged, because its shapes have no detail, and
grain is added, because a decoder is slower where pictures have detail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle
from pathlib import Path

import av
import numpy as np
from PIL import Image

from imap_fast.demo import world
from imap_fast.files import atomic_write

SHOT_SECONDS = 4, 2, 6, 3, 5
"""Lengths of the shots, in turn."""

PROMPT = "shapes move on a dark ground"
CONCEPTS = "red circle", "blue square", "slides left"
"""What is looked for in a film."""

DRAWN_SIDE = 270
GRAINS, GRAIN = 8, 1.2
"""Pictures of grain, and its standard deviation in levels of 255."""

ENCODER = {"crf": "20", "preset": "veryfast", "g": "250", "bf": "3", "mbtree": "0"}
"""Options of x264: three B frames in a row, and key frames as rare as by its default. Without `mbtree`, as in
`imap_fast.video.write`."""


@dataclass(frozen=True)
class Film:
    """A film of shots with different scenes.

    Attributes:
        seconds: its length.
        fps: frames per second.
        height: in pixels, even. The square of the scene is as high, and its surroundings mirror it.
        width: in pixels, even, and at least the height.
    """

    seconds: float = 60
    fps: int = 24
    height: int = 1080
    width: int = 1920

    @property
    def num_frames(self) -> int:
        """Frames of all shots."""
        return round(self.seconds * self.fps)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 `[H, W, 3]`. One shot at a time is in memory, at the size that it is drawn in."""
        grains = self._grains()
        draw = np.random.default_rng(0)
        left = self.num_frames
        for seed, seconds in enumerate(cycle(SHOT_SECONDS)):
            scene = world.sample(seed, "held_out", num_frames=min(seconds * self.fps, left), side=DRAWN_SIDE)
            for frame in scene.frames:
                picture = self._enlarged(frame).astype(np.int16)
                picture += grains[draw.integers(GRAINS)]
                yield picture.clip(0, 255).astype(np.uint8)
            left -= len(scene.frames)
            if not left:
                return

    def save(self, path: Path) -> None:
        """Write the film, frame by frame, as an .mp4."""
        with atomic_write(path) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=self.fps)
            stream.height, stream.width, stream.pix_fmt = self.height, self.width, "yuv420p"
            stream.options = ENCODER
            for number, frame in enumerate(self.frames()):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = number, Fraction(1, self.fps)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))

    def _grains(self) -> np.ndarray:
        """Pictures of grain that is the same in all colours, int16 `[GRAINS, H, W, 1]`."""
        draw = np.random.default_rng(0)
        shape = GRAINS, self.height, self.width, 1
        return np.rint(draw.standard_normal(shape, np.float32) * GRAIN).astype(np.int16)

    def _enlarged(self, frame: np.ndarray) -> np.ndarray:
        """A square picture at the height of the film, with its mirror images on both sides."""
        square = np.asarray(Image.fromarray(frame).resize((self.height, self.height), Image.Resampling.BICUBIC))
        beside = self.width - self.height
        return np.pad(square, ((0, 0), (beside // 2, beside - beside // 2), (0, 0)), mode="symmetric")


def repeat(source: Path, target: Path, times: int) -> None:
    """Copy the packets of a film so many times, one copy after the other. Nothing is decoded."""
    with atomic_write(target) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
        copy = None
        for number in range(times):
            with av.open(str(source)) as film:
                stream = film.streams.video[0]
                copy = copy or container.add_stream_from_template(stream)
                length = round(stream.frames / stream.average_rate / stream.time_base)
                for packet in film.demux(stream):
                    if packet.size:
                        packet.pts, packet.dts = packet.pts + number * length, packet.dts + number * length
                        packet.stream = copy
                        container.mux(packet)
