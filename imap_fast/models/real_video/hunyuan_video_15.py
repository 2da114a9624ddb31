"""The pass of a real video through HunyuanVideo 1.5."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imap_fast.models.real_video.base import is_one_of
from imap_fast.models.real_video.hunyuan_video import HunyuanVideoForward

FRAME_RATE = 24.0


class HunyuanVideo15Forward(HunyuanVideoForward):
    """See `VideoForward`."""

    pipelines = ("HunyuanVideo15Pipeline", "HunyuanVideo15ImageToVideoPipeline")
    step_of = (20, 50)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 121, 480, 848

    @property
    def text_sees_video(self) -> bool:
        return False

    @property
    def takes_image(self) -> bool:
        """Whether the first frame conditions the model."""
        return is_one_of(self.pipeline, ("HunyuanVideo15ImageToVideoPipeline",))

    @property
    def takes_next_timestep(self) -> bool:
        """Whether the model takes the timestep after a step, too: with a mean flow, and only from this pipeline."""
        return self.takes_image and self.config.use_meanflow

    def encode_text(self, prompt: str, first_frame: np.ndarray) -> None:
        self.text = self.pipeline.encode_prompt(
            prompt, device=self.pipeline._execution_device, dtype=self.pipeline.transformer.dtype
        )

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        pipeline, dtype = self.pipeline, self.pipeline.transformer.dtype
        latents = self.encode_pixels(self.encoder.pixels(frames))
        shown, mask = torch.zeros_like(latents), torch.zeros_like(latents[:, :1])
        image = latents.new_zeros(1, pipeline.vision_num_semantic_tokens, pipeline.vision_states_dim)
        if self.takes_image:
            shown[:, :, :1], mask[:, :, :1] = self.encode_pixels(self.encoder.pixels(frames[:1])), 1.0
            image = pipeline.encode_image(Image.fromarray(frames[0]), 1, latents.device, dtype)
        return {"latents": latents.to(dtype), "condition": torch.cat([shown, mask], dim=1).to(dtype), "image": image}

    def forward(self, step: int, window: dict[str, Tensor]) -> None:
        latents, timestep = self.noised(step, window)
        transformer, windows = self.pipeline.transformer, len(latents)
        dtype = transformer.dtype
        text, mask, glyphs, glyph_mask = (rows.expand(windows, *rows.shape[1:]) for rows in self.text)
        transformer(
            hidden_states=torch.cat([latents, window["condition"]], dim=1).to(dtype),
            timestep=timestep.to(dtype),
            timestep_r=self.next_timestep(step, windows) if self.takes_next_timestep else None,
            encoder_hidden_states=text,
            encoder_attention_mask=mask,
            encoder_hidden_states_2=glyphs,
            encoder_attention_mask_2=glyph_mask,
            image_embeds=window["image"].to(dtype),
            return_dict=False,
        )

    def next_timestep(self, step: int, windows: int) -> Tensor:
        """The timestep after a step `[B]`. It is 0 after the last step."""
        timesteps = self.scheduler.timesteps
        following = timesteps[step + 1] if step + 1 < len(timesteps) else torch.zeros_like(timesteps[0])
        return following.expand(windows).to(self.text[0])
