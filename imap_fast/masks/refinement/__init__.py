"""What makes masks as sharp as the picture, although a patch of a map is many pixels wide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from imap_fast.masks.names import NONE, SAM2

PACKAGES = {"guided": "pip install 'imap-fast[masks]'", "crf": "pip install pydensecrf2"}
"""How to install what a refinement needs."""


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


def _guided() -> Refinement:
    from imap_fast.masks.refinement.guided import Guided

    return Guided()


def _crf() -> Refinement:
    from imap_fast.masks.refinement.crf import DenseCRF

    return DenseCRF()


def _sam2() -> Refinement:
    from imap_fast.masks.refinement.sam2 import Sam2

    return Sam2()


MAKERS: dict[str, Callable[[], Refinement | None]] = {
    NONE: lambda: None,
    "guided": _guided,
    "crf": _crf,
    SAM2: _sam2,
}
"""What makes each refinement, by its name."""


def refinement_of(refine: str | Refinement) -> Refinement | None:
    """A refinement, or the one of this name. None: bilinear between patches.

    Raises:
        TypeError: neither a name nor a refinement.
        ValueError: an unknown name, or the package of the refinement is not installed.
    """
    if not isinstance(refine, str):
        if not callable(refine) or not hasattr(refine, "most_frames"):
            raise TypeError(f"refine={refine!r} is neither a name nor an imap_fast.masks.Refinement")
        return refine
    if refine not in MAKERS:
        raise ValueError(f"refine={refine!r} is none of {', '.join(map(repr, MAKERS))}")
    try:
        return MAKERS[refine]()
    except ImportError as error:
        package = PACKAGES.get(refine, "a newer transformers")
        raise ValueError(f"refine={refine!r} needs {package} ({error})") from error
