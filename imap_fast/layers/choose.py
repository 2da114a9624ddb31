"""`choose_layers`: which layers of a checkpoint to read, where none are published."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.explaining.windows import Windows
from imap_fast.layers.attention import shown_attention
from imap_fast.layers.eigenvalue import second_eigenvalues
from imap_fast.layers.localize import LayersApart
from imap_fast.models.noise import Noise
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.trace import trace
from imap_fast.video import Clip, VideoFile, resize_and_crop

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imap_fast.models.adapter import Adapter
    from imap_fast.models.video_forward import VideoForward


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """What `choose_layers` found, means over the videos.

    Attributes:
        layers: the half to read, ascending: those of the highest AUC, where masks were given, else of the highest λ₂.
        step: index of the denoising step that it was found at.
        eigenvalues: λ₂ of each head, fp32 `[L, A]`; see `imap_fast.layers.eigenvalue`.
        auc: of `imap` and of `gramcol`, read from one layer alone, fp64 `[L]`; empty without masks.
        head_scores: separation score of each head, fp32 `[L, A]`; None without masks.
        head_auc: AUC of each head's own Gram columns, fp64 `[L, A]`; None without masks.
    """

    layers: tuple[int, ...]
    step: int
    eigenvalues: Tensor
    auc: dict[str, Tensor]
    head_scores: Tensor | None
    head_auc: Tensor | None

    @property
    def correlation(self) -> float | None:
        """Pearson's r between the separation score and the AUC of the heads of all layers.

        None without masks, or where all heads have one score, as in a single latent frame. The paper has r = 0.60 on
        CogVideoX-2B (its Figure 5), with a localization score of its own.
        """
        if self.head_auc is None:
            return None
        both = torch.stack([self.head_scores.double().flatten(), self.head_auc.flatten()])
        r = float(torch.corrcoef(both)[0, 1])
        return None if math.isnan(r) else r

    def figure(self) -> Figure:
        """A figure of λ₂ by layer, and with masks of the AUC by layer, and of the heads' scores and AUC.

        Save it with `.savefig("layers.png")`.
        """
        from imap_fast.render.layers import layers_figure

        return layers_figure(self.layers, self.eigenvalues, self.auc, self.head_scores, self.head_auc, self.correlation)


def choose_layers(
    pipe: object,
    videos: Sequence[str | os.PathLike | Clip | Any],
    prompts: Sequence[str],
    masks: Sequence[Mapping[str, np.ndarray | None]] | None = None,
    *,
    step: int | None = None,
    num_inference_steps: int | None = None,
    height: int | None = None,
    width: int | None = None,
    match: str = "concepts",
    top_k: int = 5,
    generator: torch.Generator | None = None,
    video_done: Callable[[], None] = lambda: None,
) -> LayerChoice:
    """Measures every layer of a checkpoint on some videos, and names the half of them to read.

    Of each video the first frames, as many as the model takes, are noised to a step and passed through the model once.
    As a layer runs, λ₂ of its heads is found and nothing else of it is kept: features of layers with a large mean λ₂
    were seen to be sharper (CVPR 2026, arXiv 2603.02919, after arXiv 2507.17657). With masks each layer is measured by
    itself, and that decides. Half of the layers is a rule of thumb: published choices are half of them to two thirds.

    Args:
        pipe: as in `imap_fast.explain`.
        videos: as there; several, since a few may mislead.
        prompts: what each video shows.
        masks: for each video, where each concept is, bool `[T, height, width]`, of the video's own frames. None for a
            concept that is there for the contrast alone, such as the background. Without `masks` λ₂ alone is found.
        step: index into the schedule, from 0. None: the published noise level.
        num_inference_steps: as in `imap_fast.explain`, like `height`, `width` and `generator`.
        height: in pixels.
        width: in pixels.
        match: as in `imap_fast.trace`, like `top_k`; both tell only with masks.
        top_k: motion heads in a layer.
        generator: of the noise, the same for each video.
        video_done: called as each video is done.

    Returns:
        The layers, and what they were chosen by.

    Raises:
        TypeError: as in `imap_fast.explain`.
        ValueError: as there, or videos, prompts and masks that do not fit together; or attention that is not called
            by torch's `scaled_dot_product_attention`.
    """
    if not len(videos) or len(prompts) != len(videos) or len(videos if masks is None else masks) != len(videos):
        counts = f"{len(videos)} videos, {len(prompts)} prompts" + ("" if masks is None else f", {len(masks)} masks")
        raise ValueError(f"{counts}: give at least one video, with a prompt and, if any, masks for each")
    adapter = adapter_for(pipe)
    forward = adapter.video_forward(num_inference_steps, height, width)
    step = forward.published_step if step is None else step
    if not 0 <= step < forward.num_inference_steps:
        last = forward.num_inference_steps - 1
        raise ValueError(f"step {step} is outside the schedule of {last + 1} steps, 0 to {last}")
    noise = Noise(generator or torch.Generator().manual_seed(0))
    eigenvalues, head_scores, auc = [], [], []
    for video, prompt, known in zip(videos, prompts, masks or [None] * len(videos), strict=True):
        frames = _first_window(video, adapter, forward)
        with torch.no_grad(), ExitStack() as exits:
            exits.callback(pipe.maybe_free_model_hooks)
            if known is not None:
                asked = trace(pipe, list(known), layers=range(adapter.num_layers), match=match, top_k=top_k)
                apart = exits.enter_context(LayersApart(asked, _fitted(known, frames, forward)))
            eigenvalues.append(_spectra(adapter, forward, step, frames, prompt, noise))
        if known is not None:
            head_scores.append(_by_layer(apart.head_scores))
            auc.append(_by_layer(apart.auc))
        video_done()
    return _choice(step, eigenvalues, head_scores, auc)


def _first_window(video: Any, adapter: Adapter, forward: VideoForward) -> np.ndarray:
    """As many of a video's first frames as the model takes, uint8 `[T, H, W, 3]`, of the video's own size."""
    video = VideoFile(video) if isinstance(video, (str, os.PathLike)) else Clip.of(video)
    windows = Windows(forward.num_frames, None, forward.temporal_compression, adapter.patch_size[0])
    _, frames = next(windows.split(frame for frame, _ in video.timed_frames()))
    return np.stack(frames)


def _fitted(masks: Mapping[str, np.ndarray | None], frames: np.ndarray, forward: VideoForward) -> dict[str, np.ndarray]:
    """Masks of the frames that are read, brought to the model's size as the frames are."""
    fitted = {}
    for label, mask in masks.items():
        if mask is None:
            continue
        if mask.dtype != bool or mask.shape[1:] != frames.shape[1:3] or len(mask) < len(frames):
            size = list(frames.shape[:3])
            raise ValueError(f"the mask of {label!r} is {mask.dtype} {list(mask.shape)}; the video needs bool {size}")
        picture = np.repeat(mask[: len(frames), ..., None], 3, axis=-1).astype(np.uint8) * 255
        fitted[label] = resize_and_crop(picture, forward.height, forward.width)[..., 0] > 127
    return fitted


def _spectra(
    adapter: Adapter, forward: VideoForward, step: int, frames: np.ndarray, prompt: str, noise: Noise
) -> Tensor:
    """λ₂ of each head of each layer, fp32 `[L, A]`, as frames pass through the model."""
    found: dict[int, Tensor] = {}

    def see(layer: int, query: Tensor, key: Tensor, **options: Any) -> None:
        found[layer] = second_eigenvalues(query, key, **options)[0]

    frames = resize_and_crop(frames, forward.height, forward.width)
    forward.encode_text(prompt, frames[0])
    window = forward.encode(frames, 0, noise)
    with adapter.stopped_after(adapter.num_layers - 1), shown_attention(adapter, see):
        forward.forward(step, window)
    if len(found) < adapter.num_layers:
        raise ValueError(
            f"{adapter.num_layers - len(found)} layers of {adapter.model.__name__} do not call torch's "
            "scaled_dot_product_attention; call reset_attention_backend() on the transformer"
        )
    return _by_layer(found)


def _by_layer(found: Mapping[int, Tensor]) -> Tensor:
    """What was found of each layer, in their order."""
    return torch.stack([found[layer] for layer in sorted(found)])


def _choice(
    step: int, eigenvalues: Sequence[Tensor], head_scores: Sequence[Tensor], auc: Sequence[Tensor]
) -> LayerChoice:
    """The choice by what was found of each video; of `auc`, `[L, 2 + A]`, see `LayersApart`."""
    spectra = torch.stack(eigenvalues).mean(0)
    if not auc:
        return LayerChoice(_best_half(spectra.mean(1)), step, spectra, {}, None, None)
    imap, gramcol, *heads = torch.stack(auc).mean(0).unbind(1)
    layers = _best_half(imap + gramcol)
    scores = torch.stack(head_scores).mean(0)
    return LayerChoice(layers, step, spectra, {"imap": imap, "gramcol": gramcol}, scores, torch.stack(heads, dim=1))


def _best_half(merit: Tensor) -> tuple[int, ...]:
    """The layers with the largest merit, `[L]`, in ascending order; the earlier one of equals."""
    best = merit.argsort(descending=True, stable=True)[: (len(merit) + 1) // 2]
    return tuple(sorted(best.tolist()))
