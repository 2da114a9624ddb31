"""The demo world: short clips of coloured shapes, some of them moving, with exact masks and captions.

A scene depends on its split and seed alone, so a training set is a range of seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imap_fast.demo.captions import ObjectDescription
from imap_fast.demo.layout import Layout, draw_layout
from imap_fast.demo.paint import RGB, ground, with_object, with_speck
from imap_fast.demo.shapes import draw

FPS = 8.0


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
        centre: where its middle is, fp64 `[T, 2]`, (x, y) in pixels from the upper left corner of the picture.
        visible: whether that place is in the picture, and no object that is painted later covers it, bool `[T]`.
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
    centre: np.ndarray
    visible: np.ndarray

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

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the middles of its objects are, fp64 `[N, T, 2]`, and whether they are visible, bool `[N, T]`."""
        return np.stack([thing.centre for thing in self.objects]), np.stack([thing.visible for thing in self.objects])


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
    layout = draw_layout(seed, split, num_frames)
    frames = np.broadcast_to(_draw_background(layout, side), (num_frames, side, side, 3))
    masks = []
    for thing in layout.objects:
        path, radius = thing.path, thing.radius * side
        coverage, shade = draw(thing.shape, thing.texture, side, path.centre * side, radius * path.growth, path.angle)
        frames = with_object(frames, coverage, shade, path.light, np.array(RGB[thing.colour]))
        masks.append(coverage >= 0.5)
    objects = []
    for number, (thing, mask) in enumerate(zip(layout.objects, masks, strict=True)):
        words = (thing.colour, thing.shape, thing.texture, thing.size)
        centre = thing.path.centre * side
        visible = _are_visible(centre, masks[number + 1 :], side)
        objects.append(
            Object(*words, thing.radius * side, thing.motion, thing.span, thing.path.moving, mask, centre, visible)
        )
    return Scene(np.rint(frames).astype(np.uint8), layout.caption, tuple(objects), layout.background)


def _are_visible(points: np.ndarray, masks_above: list[np.ndarray], side: int) -> np.ndarray:
    """Whether a point `[T, 2]` is in the picture and under none of the masks, in each frame, bool `[T]`."""
    inside = np.all((points >= 0) & (points < side), axis=1)
    column, row = points.astype(int).clip(0, side - 1).T
    covered = [mask[np.arange(len(points)), row, column] for mask in masks_above]
    return inside & ~np.any([np.zeros_like(inside), *covered], axis=0)


def _draw_background(layout: Layout, side: int) -> np.ndarray:
    """The picture without its objects, fp64 `[H, W, 3]` in [0, 255]."""
    picture = ground(layout.ground, side)
    for speck in layout.specks:
        (coverage,), _ = draw(
            speck.shape,
            "plain",
            side,
            speck.centre[None] * side,
            np.array([speck.radius * side]),
            np.array([speck.angle]),
        )
        picture = with_speck(picture, coverage, speck.tint)
    return picture.clip(0, 255)
