"""What makes masks as sharp as the picture, although a patch of a map is many pixels wide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor


class Refinement(Protocol):
    """Makes the scores of pixels from those of patches.

    Attributes:
        most_frames: the frames that it takes at once, at most.
    """

    most_frames: int

    def __call__(self, frames: Sequence[np.ndarray], scores: Tensor) -> Iterator[Tensor]:
        """Yield the scores of the pixels of each frame, fp32 `[C, H, W]`. From 0 on, a pixel is in the mask.

        Args:
            frames: n frames of one shot, uint8 RGB `[H, W, 3]`.
            scores: of the patches in these frames, fp32 `[C, n, h, w]`; see `imap_fast.masks.scale.scores_of`.
        """


REFINEMENTS: dict[str, Callable[[], Refinement | None]] = {"none": lambda: None}
"""What makes each refinement, by its name. `None` is bilinear between patches."""


def refinement_of(refine: str | Refinement) -> Refinement | None:
    """A refinement, or the one of this name.

    Raises:
        ValueError: an unknown name.
        ImportError: it needs a package that is not installed.
    """
    if not isinstance(refine, str):
        return refine
    if refine not in REFINEMENTS:
        raise ValueError(f"refine={refine!r} is none of {', '.join(map(repr, REFINEMENTS))}")
    return REFINEMENTS[refine]()
