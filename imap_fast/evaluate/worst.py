"""Pictures of the clips with the worst maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.reader import Reader
from imap_fast.render.grid import agreement_notes, grid_figure
from imap_fast.video import Clip

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def worst_figures(
    pipe: Any, dataset: DataSet, clips: Iterable[str], *, seed: int = 0, **explain_arguments: Any
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Yield the name of each clip with a function that draws it: `imap` over its frames, and the outlines of masks.

    It explains the clip again, which gives the same bits.

    Args:
        pipe: as in `imap_fast.evaluate.evaluate`.
        dataset: the evaluated one.
        clips: names of clips, such as those of `Evaluation.worst`.
        seed: seed of the noise.
        explain_arguments: those of the evaluation.
    """
    reader = Reader(pipe, seed, explain_arguments)
    for name in clips:
        yield name, partial(_figure, reader, dataset, name)


def _figure(reader: Reader, dataset: DataSet, name: str) -> Figure:
    example = reader.prepared(dataset.clips[name]())
    maps = reader.maps(example)
    num_frames = maps.settings["video"]["num_frames"]
    clip = Clip(example.clip.frames[:num_frames], example.clip.fps)
    labels, values = maps.select(None, "imap")
    source = maps.source_video(clip)
    notes = agreement_notes(labels, maps.select_agreement(None, "imap"))
    return grid_figure(source, labels, values, maps.frame_times(num_frames), notes, _outlines(example))


def _outlines(example: Example) -> dict[str, np.ndarray]:
    """The mask of each concept in every frame, bool `[T, H, W]`. It is empty in frames without annotation."""
    outlines = {}
    for truth in example.truths:
        outlines[truth.label] = np.zeros(example.clip.frames.shape[:3], bool)
        outlines[truth.label][example.annotated] = truth.mask
    return outlines
