"""The pass of a real video through LTX-2, without audio."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from diffusers.pipelines.ltx2 import utils
from torch import Tensor

from imap_fast.models.real_video.ltx import LTXForward

FRAME_RATE = 24.0


class LTX2Forward(LTXForward):
    """See `VideoForward`. The video and the audio do not see each other, as in a pass of the model's own guidance."""

    pipelines = ("LTX2Pipeline", "LTX2ImageToVideoPipeline")
    image_pipelines = ("LTX2ImageToVideoPipeline",)
    step_of = (12, 30)
    shift_of_tokens: ClassVar = {
        **LTXForward.shift_of_tokens,
        "base_image_seq_len": 1024,
        "base_shift": 0.95,
        "max_shift": 2.05,
    }
    frame_rate = FRAME_RATE

    @property
    def clip(self) -> tuple[int, int, int]:
        return 121, 512, 768

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        super().encode_text(prompt, first_frame)
        pipeline = self.pipeline
        self.prompt_embeds, self.audio_text, self.mask = pipeline.connectors(
            self.prompt_embeds, self.mask, padding_side=pipeline.tokenizer.padding_side
        )

    def first_frame(self, frames: np.ndarray) -> np.ndarray:
        """As in the base class. The pipeline compresses it, as the images were with which the model was trained."""
        if not hasattr(utils, "apply_image_conditioning_crf"):  # before version 0.40 of diffusers
            return frames[:1]
        crf = utils.resolve_default_image_crf(self.pipeline.text_encoder)
        return utils.apply_image_conditioning_crf(frames[0], crf)[None]

    def further_inputs(self, latents: Tensor, timestep: Tensor) -> dict[str, Any]:
        windows = len(latents)
        return {
            "audio_hidden_states": latents.new_zeros(windows, 1, self.config.audio_in_channels).to(self.prompt_embeds),
            "audio_encoder_hidden_states": self.audio_text.expand(windows, -1, -1),
            "audio_encoder_attention_mask": self.mask.expand(windows, -1),
            "audio_num_frames": 1,
            "audio_timestep": self.scheduled(timestep),
            "sigma": self.scheduled(timestep),
            "fps": FRAME_RATE,
            "isolate_modalities": True,
        }

    @staticmethod
    def scheduled(timestep: Tensor) -> Tensor:
        """The timestep of each video `[B]`, also if each of its tokens has its own, which is zero if it is clean."""
        return timestep if timestep.ndim == 1 else timestep.amax(1)
