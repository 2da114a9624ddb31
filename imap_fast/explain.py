"""`explain`: saliency maps of a real video of any length."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from imap_fast.explainer import Explainer
from imap_fast.maps import SaliencyMaps
from imap_fast.video import Clip


def explain(
    pipe: object,
    video: str | os.PathLike | Clip | Any,
    prompt: str,
    concepts: Sequence[str] | Tensor | None,
    *,
    steps: Iterable[int] | None = None,
    num_inference_steps: int | None = None,
    height: int | None = None,
    width: int | None = None,
    num_frames: int | None = None,
    window: int | None = None,
    overlap: int | None = None,
    windows_per_batch: int | str = 1,
    generator: torch.Generator | None = None,
    folder: str | os.PathLike | None = None,
    **trace_arguments: Any,
) -> SaliencyMaps:
    """Shows where and when each concept is in a real video of any length (METHOD.md, "Published settings").

    The video is read as a stream and cut into overlapping windows of the model's clip length. Each is encoded by the
    VAE, noised to a step of the schedule, and passed through the transformer once, without guidance and only as far as
    the last layer read. Several steps are averaged, overlapping windows blended. The text is the same for all windows,
    and so is the noise of a latent frame. Tiling and slicing of the VAE are the pipeline's own
    (`pipe.vae.enable_tiling()`).

    Args:
        pipe: a supported diffusers pipeline. An image-to-video one is conditioned on each window's first frame.
        video: a file, a `Clip`, or frames as pipelines return them.
        prompt: what the video shows.
        concepts: as in `imap_fast.trace`.
        steps: indices into the schedule, from 0. None: the published noise level, such as step 30 of 50 for CogVideoX.
        num_inference_steps: length of the schedule. None: the published one, 30 for HunyuanVideo and 50 for the others.
        height: in pixels; the video is scaled to cover it and cut. None: the model's own size, as for `width`.
        width: in pixels.
        num_frames: how many frames to read at most, from the start. None: all. Those at the end that fill no latent
            frame are left out.
        window: frames that the model sees at once. None: the model's clip length.
        overlap: latent frames that neighbouring windows share. None: a third of a window.
        windows_per_batch: how many windows pass through the transformer together, or `"auto"`: as many as the GPU's
            free memory takes. A window is encoded to the same bits, alone or beside others. The transformer may round
            otherwise in a larger batch, and patches that are nearly equal may then change places.
        generator: of the noise, as in diffusers. None: seeded with 0, so that a video always gives the same maps.
        folder: where maps are kept as they are finished, so that memory does not grow with the video. However a run is
            cut off, the same call goes on where it was, to the same bits, and gives a finished run's maps at once, as
            `SaliencyMaps.load(folder)` does. Weights are not compared. None: maps are kept in memory.
        trace_arguments: any other argument of `imap_fast.trace`.

    Returns:
        The maps, with the time of each latent frame in `seconds`. `settings["video"]` holds `fps`, `num_frames`,
        `height` and `width` of what was read, the number of `windows`, their length `window` and their `overlap`, and
        the `gaps`, where frames could not be read, as `[from, to]` in seconds; where no frame follows, `to` is None.

    Raises:
        TypeError: a target that is no supported pipeline, or concepts or frames of the wrong kind.
        ValueError: a video that cannot be read, a size or step that the model does not have, a `folder` with a run
            that was asked for something else, or as in `trace`.
    """
    explainer = Explainer(
        pipe,
        prompt,
        concepts,
        steps=steps,
        num_inference_steps=num_inference_steps,
        height=height,
        width=width,
        window=window,
        overlap=overlap,
        windows_per_batch=windows_per_batch,
        generator=generator,
        **trace_arguments,
    )
    with explainer:
        return explainer.explain(video, num_frames=num_frames, folder=folder)
