"""The demo world rendered by torch: many scenes at once, on any device.

Shapes, colours and layouts are those of `world`, and so are the frames, within one grey level, and the masks. All is
computed in fp64: a mask can differ only where a pixel is covered by exactly half, within 1e-9 of its area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from imap_fast.demo.captions import SHAPES, TEXTURES
from imap_fast.demo.layout import Layout
from imap_fast.demo.paint import RGB, ground, with_object, with_speck
from imap_fast.demo.shapes import coverage_at, shade_at, unit_coordinates


class RenderedScenes(NamedTuple):
    """`B` clips with their masks, for up to `O` objects each. A scene of fewer objects has empty masks at the end.

    Attributes:
        frames: uint8 `[B, T, H, W, 3]`, RGB.
        masks: bool `[B, O, T, H, W]`, the pixels that each object covers by at least half.
        moving: bool `[B, O, T]`, the frames in which its motion is active.
    """

    frames: torch.Tensor
    masks: torch.Tensor
    moving: torch.Tensor


def render(layouts: Sequence[Layout], *, side: int, device: torch.device) -> RenderedScenes:
    """Draw scenes of equal length.

    Args:
        layouts: of the scenes.
        side: height and width, in pixels.
        device: of the work and of the results.
    """
    things = [thing for layout in layouts for thing in layout.objects]
    scene_of = [scene for scene, layout in enumerate(layouts) for _ in layout.objects]
    slot_of = [slot for layout in layouts for slot in range(len(layout.objects))]
    paths = [thing.path for thing in things]
    coverage, shade = _draw(
        [thing.shape for thing in things],
        [thing.texture for thing in things],
        side,
        side * np.stack([path.centre for path in paths]),
        np.stack([thing.radius * side * thing.path.growth for thing in things]),
        np.stack([path.angle for path in paths]),
        device,
    )
    light = torch.from_numpy(np.stack([path.light for path in paths])).to(device)
    colour = torch.tensor([RGB[thing.colour] for thing in things], device=device)[:, None, None, None]
    moving = torch.from_numpy(np.stack([path.moving for path in paths])).to(device)

    size = (len(layouts), max(slot_of) + 1, moving.shape[1])
    masks = torch.zeros(*size, side, side, dtype=torch.bool, device=device)
    masks[scene_of, slot_of] = coverage >= 0.5
    in_slots = torch.zeros(size, dtype=torch.bool, device=device)
    in_slots[scene_of, slot_of] = moving
    frames = _draw_backgrounds(layouts, side, device)[:, None].repeat(1, moving.shape[1], 1, 1, 1)
    for slot in range(size[1]):
        rows = [row for row, own in enumerate(slot_of) if own == slot]
        scenes = [scene_of[row] for row in rows]
        frames[scenes] = with_object(frames[scenes], coverage[rows], shade[rows], light[rows], colour[rows])
    return RenderedScenes(frames.round().to(torch.uint8), masks, in_slots)


def _draw_backgrounds(layouts: Sequence[Layout], side: int, device: torch.device) -> torch.Tensor:
    """The pictures without their objects, fp64 `[B, H, W, 3]` in [0, 255]."""
    pictures = torch.from_numpy(np.stack([ground(layout.ground, side) for layout in layouts])).to(device)
    cluttered = [scene for scene, layout in enumerate(layouts) if layout.specks]
    if cluttered:
        specks = [speck for scene in cluttered for speck in layouts[scene].specks]
        coverage, _ = _draw(
            [speck.shape for speck in specks],
            ["plain"] * len(specks),
            side,
            side * np.stack([speck.centre[None] for speck in specks]),
            side * np.array([[speck.radius] for speck in specks]),
            np.array([[speck.angle] for speck in specks]),
            device,
        )
        coverage = coverage.reshape(len(cluttered), -1, side, side)
        tint = torch.from_numpy(np.stack([speck.tint for speck in specks])).to(device)
        tint = tint.reshape(len(cluttered), -1, 1, 1, 3)
        for speck in range(coverage.shape[1]):
            pictures[cluttered] = with_speck(pictures[cluttered], coverage[:, speck], tint[:, speck])
    return pictures.clip(0, 255)


def _draw(
    shapes: Sequence[str],
    textures: Sequence[str],
    side: int,
    centre: np.ndarray,
    radius: np.ndarray,
    angle: np.ndarray,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Coverage and shade of `N` objects in every frame, as `shapes.draw` has them, fp64 `[N, T, H, W]`.

    Args:
        shapes: of each object.
        textures: of each object.
        side: of the picture, in pixels.
        centre: `[N, T, 2]`, (x, y) in pixels.
        radius: `[N, T]`, in pixels.
        angle: `[N, T]`, in radians, clockwise.
        device: of the work and of the results.
    """
    centres, radii, angles = (torch.from_numpy(values).to(device) for values in (centre, radius, angle))
    radii, angles = radii[..., None, None], angles[..., None, None]
    pixel = torch.arange(side, device=device) + 0.5
    x, y = (at[..., None, None] for at in centres.unbind(-1))
    x, y = unit_coordinates(torch, pixel - x, pixel[:, None] - y, radii, angles)
    coverage, shade = torch.zeros(2, *x.shape, dtype=torch.float64, device=device)
    for shape in SHAPES:
        if rows := [i for i, own in enumerate(shapes) if own == shape]:
            coverage[rows] = coverage_at(torch, shape, x[rows], y[rows], radii[rows])
    for texture in TEXTURES:
        if rows := [i for i, own in enumerate(textures) if own == texture]:
            shade[rows] = shade_at(torch, texture, x[rows], y[rows], radii[rows])
    return coverage, shade
