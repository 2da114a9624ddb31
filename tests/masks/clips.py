"""Masks of given pixels, and labels that no file system would take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from imap_fast.masks.masks import MaskFrame, Masks
from imap_fast.text.normalized import compared
from imap_fast.text.words import is_background
from imap_fast.video.picture import ArrayPicture, TimedPicture

NASTY = (
    "../../etc/passwd",
    "..",
    ".hidden",
    "a/b\\c",
    'say "hi"',
    "it's; rm -rf $HOME",
    "🦙",
    "אלפקה רצה",
    "चलती हुई",
    "con:|?*<>",
    "tab\tand\nline",
    "-rf",
    "very " * 180 + "long",
    "é" * 400,
)


def masks_of(
    pixels: np.ndarray,
    labels: Sequence[str] | None = None,
    *,
    exclusive: bool = True,
    seconds: Sequence[float] | None = None,
    has_pictures: bool = True,
    caption: str = "",
) -> Masks:
    """Masks of bool `[T, C, H, W]`."""
    count, concepts, height, width = pixels.shape
    times = [0.5 + number / 8 for number in range(count)] if seconds is None else list(seconds)
    picture = ArrayPicture(np.full((height, width, 3), 90, np.uint8))
    return Masks(
        tuple(f"thing {number}" for number in range(concepts)) if labels is None else tuple(labels),
        count,
        height,
        width,
        8.0,
        exclusive,
        lambda first: (MaskFrame(*each) for each in list(zip(pixels, times, strict=True))[first:]),
        (lambda: (TimedPicture(picture, each) for each in times)) if has_pictures else None,
        caption,
    )


def stacked(masks: Masks) -> np.ndarray:
    """All masks, bool `[T, C, H, W]`."""
    return np.stack([frame.masks for frame in masks.frames()])


def names() -> st.SearchStrategy[str]:
    """Texts of users, valid Unicode with something to see."""
    texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
    return (texts | st.sampled_from(NASTY)).filter(lambda text: compared(text) and not is_background(text))


@st.composite
def drawn_clips(draw: st.DrawFn, *, exclusive: bool = True, most: int = 2) -> dict[str, Masks]:
    """Clips of a few small frames. Among the masks are empty and full ones."""
    clips = {}
    labels = st.lists(names(), min_size=1, max_size=4, unique_by=lambda text: compared(text.replace("_", " ")))
    for clip in draw(st.lists(names(), min_size=1, max_size=most, unique=True)):
        own = draw(labels)
        count, height, width = (draw(st.integers(1, most)) for most in (3, 9, 11))
        share = draw(st.sampled_from([0, 0.1, 0.5, 1]))
        random = np.random.default_rng(draw(st.integers(0, 99)))
        pixels = random.random((count, len(own), height, width)) < share
        if exclusive:
            pixels &= pixels.cumsum(1) == 1
        clips[clip] = masks_of(pixels, own, exclusive=exclusive)
    return clips
