"""`choose_layers_by_tracking`: how well the maps of every layer follow points, and which to read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.layers.follow import Followed, SingleLayerFollower
from imap_fast.layers.one_pass import best_half, by_layer, first_window, pass_once, step_to_read
from imap_fast.maps.names import REGION_MAPS
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.trace import trace
from imap_fast.tracking.known import KnownPoints
from imap_fast.video import Clip


@dataclass(frozen=True, eq=False)
class TrackingChoice:
    """The result of `choose_layers_by_tracking`. Measurements are means over the videos.

    Attributes:
        layers: the half of the layers to read, ascending: those with the highest `jaccard`.
        step: index of the denoising step of the measurements.
        map: the map of regions that is measured.
        jaccard: average Jaccard of each single layer, fp64 `[L]`.
        within: the mean share of places that are near enough, δ, of each single layer, fp64 `[L]`.
        head_jaccard: average Jaccard of each single head, fp64 `[L, A]`.
    """

    layers: tuple[int, ...]
    step: int
    map: str
    jaccard: Tensor
    within: Tensor
    head_jaccard: Tensor


def choose_layers_by_tracking(
    pipe: Any,
    videos: Sequence[str | os.PathLike | Clip | Any],
    prompts: Sequence[str],
    points: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    map: str = REGION_MAPS[0],
    step: int | None = None,
    num_inference_steps: int | None = None,
    height: int | None = None,
    width: int | None = None,
    generator: torch.Generator | None = None,
    on_video_done: Callable[[], None] = lambda: None,
) -> TrackingChoice:
    """Measure how well each layer of a checkpoint follows points, and choose the half of the layers that does it best.

    The first frames of each video, one window of the model at its frame rate, are noised to a step and pass the model
    once. Each point is a region, marked where it is first visible. Its tracks by each layer alone, and by each head
    alone, are measured as TAP-Vid does it, with queries "first", in a picture of what the model sees. Maps of one head
    at a time are held. Layers that follow points need not be those that find words.

    Args:
        pipe: as in `imap_fast.explain`.
        videos: as in `imap_fast.explain`. Give several, because a few can mislead.
        prompts: what each video shows.
        points: for each video, where points are in its frames, in pixels from the upper left corner, `[N, T, 2]`, and
            whether they are visible, bool `[N, T]`.
        map: of regions.
        step: as in `imap_fast.choose_layers`, like the arguments up to `on_video_done`.
        num_inference_steps: length of the schedule.
        height: of the model's input.
        width: of the model's input.
        generator: of the noise.
        on_video_done: called after each video.

    Returns:
        The layers, and the measurements.

    Raises:
        TypeError: as in `imap_fast.explain`.
        ValueError: as in `imap_fast.explain`, or numbers of videos, prompts and points that do not agree, another map,
            or points that do not fit their video or of which none can be followed in it.
    """
    if not len(videos) or not len(videos) == len(prompts) == len(points):
        counts = f"{len(videos)} videos, {len(prompts)} prompts, {len(points)} points"
        raise ValueError(f"{counts}: give at least one video, with a prompt and points for each")
    if map not in REGION_MAPS:
        raise ValueError(f"{map!r} is no map of regions; give one of {', '.join(REGION_MAPS)}")
    adapter = adapter_for(pipe)
    forward = adapter.video_forward(num_inference_steps, height, width)
    step = step_to_read(forward, step)
    noise = Noise(generator or torch.Generator().manual_seed(0))
    scores: list[Tensor] = []
    for number, (video, prompt, of_video) in enumerate(zip(videos, prompts, points, strict=True), 1):
        frames, numbers, own = first_window(video, adapter, forward)
        known = KnownPoints(*of_video).at(numbers).seen(own, (forward.height, forward.width))
        followed = Followed.of(known, (forward.height, forward.width))
        if followed is None:
            raise ValueError(
                f"video {number}: no point is visible in two of the {len(frames)} frames that the model sees; give "
                "another video"
            )
        with torch.no_grad(), ExitStack() as exits:
            exits.callback(pipe.maybe_free_model_hooks)
            every_layer = trace(
                pipe,
                regions=followed.marked,
                layers=range(adapter.num_layers),
                maps=(map,),
                # Maps of regions are read neither from text nor from motion heads: anything that a model has will do.
                match="concepts" if adapter.has_concept_stream else "prompt",
                top_k=1,
            )
            follower = SingleLayerFollower(every_layer, followed)
            exits.enter_context(follower)
            pass_once(adapter, forward, step, frames, prompt, noise)
        scores.append(by_layer(follower.scores))
        on_video_done()
    (jaccard, *heads), (within, *_) = torch.stack(scores).mean(0).permute(2, 1, 0)
    return TrackingChoice(best_half(jaccard), step, map, jaccard, within, torch.stack(heads, dim=1))
