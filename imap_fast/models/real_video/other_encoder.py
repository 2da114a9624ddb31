"""An encoder in the place of the VAE of a pipeline, and the checks that its latents mean the same."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from imap_fast.models.dropout import refuse_dropout
from imap_fast.models.real_video.encoder import Encoder
from imap_fast.models.real_video.normalization import Normalization
from imap_fast.models.real_video.stand_in import StandIn
from imap_fast.models.vae_compression import spatial_compression, temporal_compression
from imap_fast.text.model_name import model_name

PROBE = 8, 12
"""Height and width of the latents of the clip that checks an encoder. They differ, so that exchanged axes are seen."""


class OtherEncoder(Encoder):
    """An encoder for the same latents as those of the VAE. It encodes two small clips of noise as a check.

    Args:
        pipeline: has a VAE.
        vae: its `encode` takes pixels `[1, 3, T, H, W]` in [-1, 1]. It returns latents `[1, C, F, h, w]`, a tuple that
            begins with them, or an output with `latents` or `latent_dist`. Of a distribution the mode is taken.
        channels: of the latents that the transformer takes.

    Attributes:
        module: `vae` itself, or a module of the modules, tensors and settings among its attributes.
        repeats: how often the first frame is repeated in front.

    Raises:
        TypeError: there is no `encode`, or it returns something else.
        ValueError: the encoder fails, drops values at random, or gives latents of another shape, of other frames, or
            that are not finite.
    """

    module: nn.Module

    def __init__(self, pipeline: Any, vae: Any, channels: int) -> None:
        super().__init__(pipeline)
        if not callable(getattr(vae, "encode", None)):
            raise TypeError(f"vae={textwrap.shorten(repr(vae), 80)} has no encode; give a model that has one")
        self.other, self.channels = vae, channels
        self.module = vae if isinstance(vae, nn.Module) else _held_by(vae)
        refuse_dropout({"vae": self.module})
        self.convention = Normalization.of(pipeline.vae, channels)
        self.temporal, self.spatial = temporal_compression(pipeline), spatial_compression(pipeline)
        self.repeats = self._alignment()

    @property
    def vae(self) -> Any:
        return self.other

    @cached_property
    def normalization(self) -> Normalization:
        """That of its config. It is read when the number of channels is known to be right."""
        return Normalization.of(self.other, self.channels)

    @property
    def place(self) -> tuple[torch.device, torch.dtype]:
        """Those of the first weight. Without one, those of the VAE of the pipeline."""
        weights = (weight for weight in self.module.parameters() if weight.is_floating_point())
        first = next(weights, None)
        return super().place if first is None else (first.device, first.dtype)

    @property
    def name(self) -> str:
        """The name of its class."""
        return type(getattr(self.other, "_orig_mod", self.other)).__name__

    @property
    def description(self) -> dict[str, str]:
        """The class, and the name of the folder or the id on the hub, which is empty if unknown."""
        config = getattr(self.other, "config", None)
        source = config.get("_name_or_path", "") if isinstance(config, Mapping) else ""
        return {"class": self.name, "name": model_name(str(source))}

    @property
    def options(self) -> dict[str, Any]:
        offset, factor = self.normalization.offset, self.normalization.factor
        return {**self.description, "offset": offset, "factor": factor, "repeats": self.repeats}

    def encode(self, pixels: Tensor) -> Tensor:
        return self._encoded(pixels, self.repeats)

    @property
    def encoding_pipeline(self) -> Any:
        def encode(pixels: Tensor) -> SimpleNamespace:
            return SimpleNamespace(latents=self.encode(pixels))

        _, dtype = self.place
        return StandIn(self.pipeline, vae=StandIn(self.pipeline.vae, encode=encode, dtype=dtype))

    @torch.no_grad()
    def _alignment(self) -> int:
        """How often the first frame is repeated in front, so that the first latent frame is of that frame alone.

        A causal encoder needs no repetition. One of whole blocks of frames needs as many as fill up the first block.
        """
        refusals = []
        for repeats in (0, self.temporal - 1):
            try:
                self._check(repeats)
                return repeats
            except _OtherFramesError as error:
                refusals.append(error)
        raise next((error for error in refusals if not error.is_failure), refusals[0])

    def _check(self, repeats: int) -> None:
        """Encode noise of two latent frames, and the same with those frames mirrored that only the second may show.

        Raises:
            ValueError: the latents are of another shape, of other frames, or not finite, or the encoder fails.
        """
        frames = self.temporal + 1
        size = (1, 3, frames, *(self.spatial * latents for latents in PROBE))
        clip = 2 * torch.rand(size, generator=torch.Generator().manual_seed(0)) - 1
        mirrored = torch.cat([clip[:, :, :1], clip[:, :, 1:-1].flip(-1), clip[:, :, -1:]], dim=2)
        try:
            latents, changed = (self._encoded(each, repeats) for each in (clip, mirrored))
        except (MemoryError, torch.OutOfMemoryError, TypeError, ValueError):
            raise
        except Exception as error:
            reason = textwrap.shorten(f"{type(error).__name__}: {error}", 160)
            raise _OtherFramesError(
                f"the {self.name} cannot encode a clip of {frames + repeats} frames ({reason}); give an encoder of "
                "videos",
                is_failure=True,
            ) from error
        if not latents.isfinite().all():
            raise ValueError(f"the {self.name} gives NaN or an infinity; load it in torch.bfloat16 or torch.float32")
        first, second = (latents - changed).abs().mean((0, 1, 3, 4)).tolist()
        # More than 0 is no fault: the VAEs of CogVideoX and HunyuanVideo normalize over frames.
        if first > second:
            raise _OtherFramesError(
                f"the first latent frame of the {self.name} shows the frames 0 to {self.temporal - 1}, and that of the "
                "pipeline's VAE only the frame 0; give an encoder with the latent frames of this model"
            )

    def _encoded(self, pixels: Tensor, repeats: int) -> Tensor:
        """The latents of pixels after so many repetitions of the first frame, in the convention of the VAE."""
        frames, height, width = pixels.shape[2:]
        pixels = torch.cat([pixels[:, :, :1]] * repeats + [pixels], dim=2).to(*self.place)
        output = self.other.encode(pixels)
        latents = _latents_of(output)
        if latents is None:
            raise TypeError(
                f"the encode of the {self.name} returns {type(output).__name__}; let it return a tensor, a tuple of "
                "one, or an output with latents or latent_dist"
            )
        expected = [1, self.channels, (frames - 1) // self.temporal + 1, height // self.spatial, width // self.spatial]
        if list(latents.shape) != expected:
            raise _OtherFramesError(
                f"the {self.name} makes latents {list(latents.shape)} of a clip {list(pixels.shape)}, and the "
                f"transformer takes {expected}; give an encoder for the latents of this model"
            )
        return self.normalization.converted(latents.to(self.pipeline._execution_device), self.convention)


class _OtherFramesError(ValueError):
    """An encoder makes latents of another shape or of other frames, or fails. Repetitions may help."""

    def __init__(self, message: str, *, is_failure: bool = False) -> None:
        super().__init__(message)
        self.is_failure = is_failure


def _latents_of(output: Any) -> Tensor | None:
    """The latents in what an `encode` returns. None: there are none."""
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    for name in ("latent_dist", "latents"):
        output = getattr(output, name, output)
    if not isinstance(output, Tensor) and callable(getattr(output, "mode", None)):
        output = output.mode()
    return output if isinstance(output, Tensor) else None


def _held_by(holder: Any) -> nn.Module:
    """The modules, tensors and settings among the attributes of an object, as a module."""
    module = nn.Module().eval()
    for name, value in getattr(holder, "__dict__", {}).items():
        if hasattr(module, name):  # an attribute of another meaning
            name = f"{name}_"
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            module.register_buffer(name, value)
        else:
            setattr(module, name, value)
    return module
