"""Regions: a point, a box or a mask in one frame of a video, and the visual tokens that they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from imap_fast.text.normalized import compared
from imap_fast.text.words import check_texts
from imap_fast.video.crop import cover_size
from imap_fast.video.resize import resize_and_crop
from imap_fast.video.times import seconds_of

FORMS = "(seconds, x, y), (seconds, left, top, right, bottom) or (seconds, mask)"

LARGEST = 1e9
"""The largest number of pixels from the corner of a picture."""

COVERED = 0.5
"""The share of a patch that a mask covers at least, if the patch belongs to it."""


@dataclass(frozen=True, eq=False)
class Region:
    """A marked part of one frame.

    Attributes:
        label: its name.
        seconds: the time of its frame.
        box: left, top, right and bottom, in pixels from the upper left corner of the frame, whose first pixel has its
            centre at (0.5, 0.5). A point has no extent. None: it is a mask.
        mask: bool `[H, W]`, of the size of the frame. None: it is a point or a box.
    """

    label: str
    seconds: float
    box: tuple[float, float, float, float] | None = None
    mask: np.ndarray | None = None

    def record(self) -> dict[str, Any]:
        """The region as JSON values. A mask is recorded by its size and its digest."""
        if self.mask is not None:
            digest = hashlib.sha256(np.packbits(self.mask).tobytes()).hexdigest()
            return {"seconds": self.seconds, "mask": digest, "size": list(self.mask.shape)}
        left, top, right, bottom = self.box or (0.0, 0.0, 0.0, 0.0)
        return {"seconds": self.seconds} | (
            {"point": [left, top]} if (left, top) == (right, bottom) else {"box": [left, top, right, bottom]}
        )

    def patches(self, own: tuple[int, int], seen: tuple[int, int], grid: tuple[int, int]) -> list[int]:
        """The patches of a latent frame that are in the region, row by row.

        A point is the patch in which it lies. Of a box they are the patches whose centre it holds, or the one at its
        own centre. Of a mask they are those that it covers by half, or else the one that it covers most.

        Args:
            own: height and width of the frame in which the region is marked.
            seen: height and width of what the model sees of it, scaled to cover it and cropped evenly.
            grid: H and W, patches of a latent frame.

        Raises:
            ValueError: the region is outside of the frame, or of the part that the model sees, or a mask is empty or of
                another size.
        """
        if self.mask is not None:
            return self._covered(own, seen, grid)
        left, top, right, bottom = self.box or (0.0, 0.0, 0.0, 0.0)
        self._refuse_outside(*own)
        columns = _inside(left, right, own[1], cover_size(*own, *seen)[1], seen[1], grid[1])
        rows = _inside(top, bottom, own[0], cover_size(*own, *seen)[0], seen[0], grid[0])
        if not columns or not rows:
            raise ValueError(
                f"the region {self.label!r} is outside of what the model sees: the frame of {own[1]} × {own[0]} pixels "
                f"is cropped to the aspect of {seen[1]} × {seen[0]}; give another region, height or width"
            )
        return [row * grid[1] + column for row in rows for column in columns]

    def _refuse_outside(self, height: int, width: int) -> None:
        left, top, right, bottom = self.box or (0.0, 0.0, 0.0, 0.0)
        is_point = (left, top) == (right, bottom)
        places = {"x": left, "y": top} if is_point else {"left": left, "top": top, "right": right, "bottom": bottom}
        for (side, place), limit in zip(places.items(), (width, height) * 2, strict=False):
            if not 0 <= place <= limit:
                raise ValueError(
                    f"the region {self.label!r} is outside of the picture, which is {width} pixels wide and {height} "
                    f"high: {side} is {place:g}"
                )

    def _covered(self, own: tuple[int, int], seen: tuple[int, int], grid: tuple[int, int]) -> list[int]:
        mask = self.mask if self.mask is not None else np.zeros(own, bool)
        if mask.shape != own:
            raise ValueError(
                f"the mask of {self.label!r} is {mask.shape[1]} × {mask.shape[0]} pixels, and the frame "
                f"{own[1]} × {own[0]}; give a mask of the size of the frame"
            )
        picture = np.repeat(mask[None, ..., None], 3, axis=-1).astype(np.uint8) * 255
        shown = torch.from_numpy(resize_and_crop(picture, *seen)[0, ..., 0]).float() / 255
        share = F.adaptive_avg_pool2d(shown[None, None], grid)[0, 0].flatten()
        if not share.max() > 0:
            raise ValueError(
                f"the mask of {self.label!r} is empty in what the model sees; mark at least one pixel of it"
            )
        covered = (share >= COVERED).nonzero()[:, 0].tolist()
        return covered or [int(share.argmax())]


def _inside(begin: float, end: float, own: int, cover: int, seen: int, patches: int) -> list[int]:
    """The patches on one side whose centres are between two places, or the one at the middle of what is seen there.

    Empty if nothing between them is seen.
    """
    first = (cover - seen) // 2

    def position(pixel: float) -> float:
        """Where a place in the frame is, in patches."""
        return (pixel * cover / own - first) * patches / seen

    low, high = max(position(begin), 0), min(position(end), patches)
    if low > high:
        return []
    centres = [patch for patch in range(patches) if low <= patch + 0.5 <= high]
    return centres or [min(int((low + high) / 2), patches - 1)]


def check_regions(regions: Mapping[str, Any] | None) -> tuple[Region, ...]:
    """The regions that are given by name.

    Raises:
        ValueError: no mapping of distinct names, something that is no point, box or mask, or a mask that is empty or
            cannot be read.
    """
    if regions is None:
        return ()
    if not isinstance(regions, Mapping) or not regions:
        raise ValueError(
            f"regions={regions!r} is not possible; give a dict, a name for each: {{'ball': (1.5, 320, 240)}}"
        )
    if wrong := [name for name in regions if not isinstance(name, str)]:
        raise ValueError(f"the region {wrong[0]!r} has no name; give text, like 'ball'")
    check_texts("region", tuple(regions))
    if len({compared(name) for name in regions}) < len(regions):
        raise ValueError(f"regions need different names; got {list(regions)!r}")
    return tuple(_region(label, given) for label, given in regions.items())


def _region(label: str, given: Any) -> Region:
    wrong = ValueError(f"the region {label!r} is {_short(given)}; give {FORMS}")
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) not in (2, 3, 5):
        raise wrong
    time, *part = given
    is_mask = len(part) == 1 and not _is_number(part[0])
    if not is_mask and (len(part) == 1 or not all(map(_is_number, part))):
        raise wrong
    try:
        seconds = seconds_of(time)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the region {label!r} has no time: {error}") from error
    if is_mask:
        return Region(label, seconds, mask=_mask(label, part[0]))
    left, top, right, bottom = map(float, part if len(part) == 4 else (*part, *part))
    if right < left or bottom < top:
        raise ValueError(f"the box {label!r} ends before it begins; give (seconds, left, top, right, bottom)")
    return Region(label, seconds, box=(left, top, right, bottom))


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and abs(value) <= LARGEST
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _mask(label: str, given: Any) -> np.ndarray:
    """A mask as bool `[H, W]`: an array, or a picture file, marked where it is neither black nor transparent.

    Raises:
        ValueError: it is none, it is empty, or it has several values beside 0: soft edges, or several objects.
    """
    if isinstance(given, (str, os.PathLike)):
        try:
            with Image.open(Path(given)) as picture:
                pixels = np.asarray(picture.convert("RGBA"))
        # Pillow lets a damaged PNG raise SyntaxError, and NumPy and Python a path with a zero ValueError.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"the mask of {label!r} cannot be read from {given} ({error}); give a PNG") from error
        colours = np.ascontiguousarray(pixels).view(np.uint32)[..., 0]
        given = np.where(pixels[..., :3].any(-1) & (pixels[..., 3] > 0), colours, 0)
    try:
        mask = given.detach().cpu().float().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"the mask of {label!r} is no array; give bool [height, width]") from error
    if mask.ndim != 2 or mask.dtype.kind not in "biuf" or 0 in mask.shape:
        raise ValueError(f"the mask of {label!r} is {mask.dtype} {list(mask.shape)}; give bool [height, width]")
    if (values := np.unique(mask[mask != 0])).size > 1:
        raise ValueError(
            f"the mask of {label!r} has {values.size} values or colours beside 0, and a mask has one: threshold it, "
            "like mask > 0.5, or take one object, like mask == 1"
        )
    if not (marked := mask > 0).any():
        raise ValueError(f"the mask of {label!r} is empty; mark at least one pixel")
    return marked
