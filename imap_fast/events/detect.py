"""The events of concepts, from their saliency over time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
from torch import Tensor

from imap_fast.events.clock import Clock
from imap_fast.events.event import Event
from imap_fast.events.events import Events
from imap_fast.events.intervals import frame_edges, runs
from imap_fast.events.levels import two_levels
from imap_fast.render.heatmap import Values
from imap_fast.render.timeline import saliency_over_time
from imap_fast.upsampling.latent_time import LatentTime


def curves_over_time(values: Values) -> Tensor:
    """`saliency_over_time` of each concept, one after the other, so that the heat of only one is in memory.

    Args:
        values: C times fp32 `[F, H, W]`.

    Returns:
        fp32 `[C, F]`.

    Raises:
        ValueError: a value is not finite. The heat of such a patch would be cold.
    """
    curves = []
    for concept in values:
        if not concept.isfinite().all():
            raise ValueError("a map has values that are not finite; run the model in another dtype")
        curves.append(saliency_over_time(concept[None]))
    return torch.cat(curves)


def detect(
    curves: Mapping[str, Tensor], maps: Mapping[str, str], time: LatentTime, num_frames: int, clock: Clock | None
) -> Events:
    """The events of each concept: the intervals in which its curve is on the higher of two levels.

    Args:
        curves: the saliency of each concept over time, fp32 `[F]`, by its label.
        maps: the name of the map that each curve is of.
        time: how latent frames relate to video frames.
        num_frames: of the video.
        clock: of the video. None: nobody knows its times.
    """
    events: list[Event] = []
    for label, curve in curves.items():
        count = len(curve)
        begins = list(accumulate(time.latents_of_shots(count)[:-1], initial=0))
        edges = frame_edges(
            time.frame_times(count, num_frames).tolist(), num_frames, list(zip(begins, (0, *time.cuts), strict=True))
        )
        levels = two_levels(curve.numpy(), begins)
        if levels is None:
            continue
        for run in runs(levels.active):
            above = (curve[run].double().mean().item() - levels.low) / levels.noise
            first = edges[run.start]
            after = max(edges[run.stop], first + 1)
            start, end = (None, None) if clock is None else (clock.at(first), clock.at(after))
            events.append(Event(label, start, end, first, after - 1, above / (1 + above)))
    events.sort(key=lambda event: event.first_frame)
    return Events(tuple(events), dict(maps), num_frames)
