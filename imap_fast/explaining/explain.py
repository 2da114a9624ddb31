"""`explain`: saliency maps of a real video of any length."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.doubts import doubts
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.video import Clip


def explain(
    pipe: Any,
    video: str | os.PathLike | Clip | Any,
    prompt: str,
    concepts: Sequence[str] | Tensor | None = None,
    *,
    motions: Sequence[str] | None = None,
    steps: Iterable[int] | None = None,
    num_inference_steps: int | None = None,
    height: int | None = None,
    width: int | None = None,
    num_frames: int | None = None,
    start: float | str | None = None,
    end: float | str | None = None,
    stream: int | None = None,
    shots: str | Sequence[float | str] = "auto",
    fps: str | float = "model",
    window: int | None = None,
    overlap: int | None = None,
    windows_per_batch: int | str = 1,
    noises: int = 1,
    generator: torch.Generator | None = None,
    vae: str | os.PathLike | Any = None,
    folder: str | os.PathLike | None = None,
    **trace_arguments: Any,
) -> SaliencyMaps:
    """Show where and when each concept is in a real video of any length (docs/method.md, "Published settings").

    The video is read as a stream, in overlapping windows of the clip length of the model. The VAE encodes each window.
    The window is noised to a step of the schedule, and passes the transformer once, without guidance and only up to the
    last layer read. Several steps and noises are averaged, and overlapping windows are blended. The text is the same
    for all windows, and so is the noise of a latent frame. Enable tiling and slicing of the VAE on the pipeline
    (`pipe.vae.enable_tiling()`).

    Args:
        pipe: a supported diffusers pipeline. An image-to-video one is conditioned on the first frame of each window.
        video: a file, a `Clip`, or frames as pipelines return them.
        prompt: what the video shows.
        concepts: as in `imap_fast.trace`.
        motions: as in `imap_fast.trace`.
        steps: indices into the schedule, from 0. None: the published noise level, such as step 30 of 50 for CogVideoX.
        num_inference_steps: length of the schedule. None: the published one, 30 for HunyuanVideo and 50 for the others.
        height: in pixels. The video is resized to cover the size, and cropped. None: the default size of the model.
        width: in pixels.
        num_frames: the largest number of frames to read. None: all. If all of them pass the model, frames at the end
            that do not fill a latent frame are dropped.
        start: the time at which to begin, in seconds of the file or as `"1:20.5"`. What comes before is not decoded,
            unless the file must be read from its beginning to know its times. None: the first frame.
        end: the time before which to end. None: the last frame.
        stream: which of several films of a file to read, from 0. Cover pictures do not count. None: the one that
            players show.
        shots: `"auto"` finds cuts, fades and dissolves while the video is read (docs/real-video.md, "Shots"), and no
            window passes one: each shot begins as a clip of its own. `"off"`: the video is one shot. Or the times of
            the file at which shots begin; those outside of a stretch do not matter.
        fps: frames per second that pass the model. `"model"`: the rate for which it was made, if the video has more
            than 1.5 times as many, or else all frames. `"all"`: all frames. A number: this rate. The frames nearest in
            time are taken. The maps cover those between, too (docs/real-video.md, "Frame rate").
        window: frames that the model sees at once. None: the clip length of the model.
        overlap: latent frames that neighbouring windows share. None: 1.
        windows_per_batch: the number of windows that pass the transformer together, or `"auto"`: as many as fit into
            the free memory of the GPU. A window counts once for each of its noises. Encoding gives the same bits in any
            batch. The transformer may round differently in a larger batch, which can reorder patches that are nearly
            equal.
        noises: how many noises the maps are the mean of. With 2 or more, the maps also tell how sure they are: their
            `agreement` and `spread` (docs/method.md, "How sure a map is"). `settings["runs"]` has the seed of each
            noise, and a generator with this seed on the same device gives its map alone. That of a used generator is
            unknown.
        generator: of the first noise, as in diffusers; the others are derived from it. None: seeded with 0, so that a
            video always gives the same maps.
        vae: another encoder for the latents of the model, such as a small one (docs/real-video.md, "Another encoder"):
            a folder or an id on the hub that holds a VAE of diffusers, or any object whose `encode` takes pixels
            `[1, 3, T, H, W]` in [-1, 1] and returns latents as a VAE of diffusers does. Its own config normalizes them;
            without one they are as the transformer takes them. Small clips are encoded to check them before the video
            is read. A folder is loaded to the device and in the dtype of the pipeline's VAE. An object is used in the
            dtype and on the device of its first weight. None: the VAE of the pipeline.
        folder: keeps the maps on disk as they are finished, so that memory does not grow with the video. After any
            interruption the same call resumes, and gives the same bits. A finished run is loaded at once, as
            `SaliencyMaps.load(folder)` does. All that is read is verified by digests. Weights are compared by some
            values of each tensor, so another checkpoint or LoRA is refused, but not every change of single weights. The
            settings of all modules are compared, and hooks by their names. None: maps are kept in memory.
        trace_arguments: any other argument of `imap_fast.trace`.

    Returns:
        The maps. `seconds` holds the time of each latent frame, and `shots` the shots. `settings["video"]` holds `fps`,
        `num_frames`, `height` and `width` of what was read, `passed_fps`, the rate that passed the model, or None for
        all frames, `start`, `end` and `stream`, `display`, which is what was done to show frames as a player does
        (docs/real-video.md, "What a player shows"), the number of `windows`, their length `window`, their `overlap`,
        the `shots`, and the `gaps`: `[from, to]` in seconds, where frames could not be read. `to` is None if no frame
        follows. `sha256` is that of the content of a file, and None for frames. `vae` is the class and the name of
        another encoder, and None for the VAE of the pipeline. With several noises, a warning names the concepts of
        which another noise would give another map: their agreement is below 0.5.

    Raises:
        TypeError: an unsupported pipeline, or a prompt, concepts, frames or a `vae` of the wrong type.
        ValueError: a video that cannot be read, an impossible size, stretch or step, dropout in training mode, a `vae`
            that cannot be loaded or makes latents of another shape, of other frames or that are not finite, a
            `folder` that holds a run with other settings or weights or a damaged run, or to which another process is
            writing, or as in `imap_fast.trace`.
        OSError: the `folder` can no longer be written. What is finished stays, and the same call resumes.
    """
    explainer = Explainer(
        pipe,
        prompt,
        concepts,
        motions=motions,
        steps=steps,
        num_inference_steps=num_inference_steps,
        height=height,
        width=width,
        window=window,
        overlap=overlap,
        shots=shots,
        fps=fps,
        windows_per_batch=windows_per_batch,
        noises=noises,
        generator=generator,
        vae=vae,
        **trace_arguments,
    )
    with explainer:
        maps = explainer.explain(video, num_frames=num_frames, start=start, end=end, stream=stream, folder=folder)
    if (warning := doubts(maps, "noises=")) is not None:
        warnings.warn(warning, stacklevel=2)
    return maps
