"""`choose_layers`: measures every layer of a checkpoint, and chooses those to read."""

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

from imap_fast.layers.attention import observed_attention
from imap_fast.layers.eigenvalue import second_eigenvalues
from imap_fast.layers.localize import SingleLayerTracer
from imap_fast.layers.one_pass import best_half, by_layer, first_window, pass_once, step_to_read
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.trace import trace
from imap_fast.video import Clip, resize_and_crop

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imap_fast.models.adapter import Adapter
    from imap_fast.models.real_video.base import VideoForward


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """The result of `choose_layers`. Measurements are means over the videos.

    Attributes:
        layers: the half of the layers to read, ascending: those with the highest AUC if there are masks, else with the
            highest λ₂.
        step: index of the denoising step of the measurements.
        eigenvalues: λ₂ of each head, fp32 `[L, A]`; see `imap_fast.layers.eigenvalue`.
        auc: AUC of `imap` and of `gramcol` from each single layer, fp64 `[L]`; empty without masks.
        head_scores: separation score of each head, fp32 `[L, A]`; None without masks.
        head_auc: AUC of the Gram columns of each single head, fp64 `[L, A]`; None without masks.
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

        None without masks, or if all heads have the same score, as with a single latent frame. The paper reports r =
        0.60 on CogVideoX-2B (Figure 5), with another localization score.
        """
        if self.head_auc is None or self.head_scores is None:
            return None
        both = torch.stack([self.head_scores.double().flatten(), self.head_auc.flatten()])
        r = float(torch.corrcoef(both)[0, 1])
        return None if math.isnan(r) else r

    def figure(self) -> Figure:
        """A figure of λ₂ by layer. With masks, also of the AUC by layer, and of the scores and AUC of the heads.

        Save it with `.savefig("layers.png")`.
        """
        from imap_fast.render.layers import layers_figure

        return layers_figure(self.layers, self.eigenvalues, self.auc, self.head_scores, self.head_auc, self.correlation)


def choose_layers(
    pipe: Any,
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
    on_video_done: Callable[[], None] = lambda: None,
) -> LayerChoice:
    """Measure every layer of a checkpoint on some videos, and choose the half of the layers to read.

    The first frames of each video, one window of the model at its frame rate, are noised to a step and pass the model
    once. λ₂ of the heads of a layer is computed while the layer runs, and nothing else is kept. Layers with a large
    mean λ₂ have sharper features (CVPR 2026, arXiv 2603.02919, after arXiv 2507.17657). With masks, the layers are
    chosen by the AUC of each single layer instead. Half of the layers is a rule of thumb: published choices are half to
    two thirds of them.

    Args:
        pipe: as in `imap_fast.explain`.
        videos: as in `imap_fast.explain`. Give several, because a few can mislead.
        prompts: what each video shows.
        masks: for each video, the mask of each concept, bool `[T, height, width]` of the frames of the video. None for
            a concept that only serves the contrast, such as the background. Without `masks`, only λ₂ is measured.
        step: index into the schedule, from 0. None: the published noise level.
        num_inference_steps: as in `imap_fast.explain`.
        height: height of the model's input, in pixels; as in `imap_fast.explain`.
        width: width of the model's input, in pixels; as in `imap_fast.explain`.
        match: as in `imap_fast.trace`. Used only with masks.
        top_k: the number of motion heads in a layer. Used only with masks.
        generator: generator of the noise, which is the same for each video. None: seed 0.
        on_video_done: called after each video.

    Returns:
        The layers, and the measurements.

    Raises:
        TypeError: as in `imap_fast.explain`.
        ValueError: as in `imap_fast.explain`, or numbers of videos, prompts and masks that do not agree, or attention
            that does not call torch's `scaled_dot_product_attention`.
    """
    if not len(videos) or len(prompts) != len(videos) or len(videos if masks is None else masks) != len(videos):
        counts = f"{len(videos)} videos, {len(prompts)} prompts" + ("" if masks is None else f", {len(masks)} masks")
        raise ValueError(f"{counts}: give at least one video, with a prompt and, if any, masks for each")
    adapter = adapter_for(pipe)
    forward = adapter.video_forward(num_inference_steps, height, width)
    step = step_to_read(forward, step)
    noise = Noise(generator or torch.Generator().manual_seed(0))
    eigenvalues: list[Tensor] = []
    head_scores: list[Tensor] = []
    auc: list[Tensor] = []
    masks_of: Sequence[Mapping[str, np.ndarray | None] | None] = [None] * len(videos) if masks is None else masks
    for video, prompt, video_masks in zip(videos, prompts, masks_of, strict=True):
        frames, numbers, size = first_window(video, adapter, forward)
        with torch.no_grad(), ExitStack() as exits:
            exits.callback(pipe.maybe_free_model_hooks)
            tracer = None
            if video_masks is not None:
                every_layer = trace(pipe, list(video_masks), layers=range(adapter.num_layers), match=match, top_k=top_k)
                tracer = SingleLayerTracer(every_layer, _resized_masks(video_masks, numbers, size, forward))
                exits.enter_context(tracer)
            eigenvalues.append(_eigenvalues(adapter, forward, step, frames, prompt, noise))
        if tracer is not None:
            head_scores.append(by_layer(tracer.head_scores))
            auc.append(by_layer(tracer.auc))
        on_video_done()
    return _choice(step, eigenvalues, head_scores, auc)


def _resized_masks(
    masks: Mapping[str, np.ndarray | None], numbers: list[int], size: tuple[int, int], forward: VideoForward
) -> dict[str, np.ndarray]:
    """The masks of the frames that are read, resized and cropped like the frames."""
    resized = {}
    for label, mask in masks.items():
        if mask is None:
            continue
        if mask.dtype != bool or mask.shape[1:] != size or len(mask) <= numbers[-1]:
            expected = [numbers[-1] + 1, *size]
            raise ValueError(
                f"the mask of {label!r} is {mask.dtype} {list(mask.shape)}; the video needs bool {expected}"
            )
        picture = np.repeat(mask[numbers, ..., None], 3, axis=-1).astype(np.uint8) * 255
        resized[label] = resize_and_crop(picture, forward.height, forward.width)[..., 0] > 127
    return resized


def _eigenvalues(
    adapter: Adapter, forward: VideoForward, step: int, frames: np.ndarray, prompt: str, noise: Noise
) -> Tensor:
    """λ₂ of each head of each layer, fp32 `[L, A]`, while frames pass the model."""
    eigenvalues: dict[int, Tensor] = {}

    def observe(layer: int, query: Tensor, key: Tensor, **options: Any) -> None:
        eigenvalues[layer] = second_eigenvalues(query, key, **options)[0]

    with observed_attention(adapter, observe):
        pass_once(adapter, forward, step, frames, prompt, noise)
    if len(eigenvalues) < adapter.num_layers:
        raise ValueError(
            f"{adapter.num_layers - len(eigenvalues)} layers of {adapter.model.__name__} do not call torch's "
            "scaled_dot_product_attention; call reset_attention_backend() on the transformer"
        )
    return by_layer(eigenvalues)


def _choice(step: int, eigenvalues: list[Tensor], head_scores: list[Tensor], auc: list[Tensor]) -> LayerChoice:
    """The choice from the measurements of each video. `SingleLayerTracer` describes `auc`, `[L, 2 + A]`."""
    mean_eigenvalues = torch.stack(eigenvalues).mean(0)
    if not auc:
        return LayerChoice(best_half(mean_eigenvalues.mean(1)), step, mean_eigenvalues, {}, None, None)
    imap, gramcol, *heads = torch.stack(auc).mean(0).unbind(1)
    layers = best_half(imap + gramcol)
    scores = torch.stack(head_scores).mean(0)
    return LayerChoice(
        layers, step, mean_eigenvalues, {"imap": imap, "gramcol": gramcol}, scores, torch.stack(heads, dim=1)
    )
