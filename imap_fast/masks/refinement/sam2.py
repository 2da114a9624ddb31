"""SAM 2 (Ravi et al., arXiv 2408.00714) is shown each concept where it is hottest, and follows it through the shot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.complete_weights import check_complete
from imap_fast.masks.names import SAM2_MODEL
from imap_fast.masks.refinement.prompts import Prompt, prompts_of
from imap_fast.masks.scale import BELOW
from imap_fast.upsampling.interpolate import upsample_space

MOST_FRAMES = 32
"""Frames that are followed together. The model keeps all of them in memory, with what it saw of them."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, with which every published SAM 2 was trained."""

POINT, LEFT_TOP, RIGHT_BOTTOM = 1, 2, 3
"""The kinds of points of a prompt."""


class Sam2:
    """Masks of SAM 2, from the peak and the box of each concept in the frames where it is hottest.

    A concept that is in none of the frames has no mask there. Otherwise it is followed through all of them, forwards
    and backwards, as long as the model finds it.

    Args:
        model: a folder that `save_pretrained` wrote, or an id on the Hugging Face hub: a `Sam2VideoModel`.
        device: `"auto"`: a GPU if there is one.
        dtype: of the model.

    Raises:
        ValueError: there is no such model, or its files are damaged.
    """

    most_frames = MOST_FRAMES

    def __init__(self, model: str = SAM2_MODEL, device: str = "auto", dtype: torch.dtype = torch.float32) -> None:
        from transformers import Sam2VideoModel

        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            loaded, info = Sam2VideoModel.from_pretrained(
                model, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
            check_complete("SAM 2", model, loaded, info)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # libraries raise errors of every class for a damaged file
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise ValueError(f"SAM 2 {model}: not loaded; give a folder or a Hugging Face id ({reason})") from error
        self.model: Any = loaded.to(device).eval()

    @torch.inference_mode()
    def __call__(self, frames: Sequence[np.ndarray], scores: Tensor) -> Iterator[Tensor]:
        """See `imap_fast.masks.refinement.Refinement`."""
        from transformers import Sam2VideoInferenceSession

        height, width = frames[0].shape[:2]
        session = Sam2VideoInferenceSession(
            self._pixels(frames),
            height,
            width,
            self.model.device,
            self.model.device,
            dtype=self.model.dtype,
            max_vision_features_cache_size=len(frames),
        )
        found = [self._follow(session, prompts_of(concept.numpy()), len(frames)) for concept in scores]
        for logits in zip(*found, strict=True):
            yield torch.cat([upsample_space(each, height, width) for each in logits])

    def _pixels(self, frames: Sequence[np.ndarray]) -> Tensor:
        """Frames as the model takes them: `[n, 3, side, side]`, normalized."""
        side = self.model.config.image_size
        mean, deviation = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(DEVIATION).view(3, 1, 1)
        pixels = []
        for frame in frames:
            channels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 255
            scaled = torch.nn.functional.interpolate(channels, (side, side), mode="bilinear", antialias=True)
            pixels.append((scaled[0] - mean) / deviation)
        return torch.stack(pixels)

    def _follow(self, session: Any, prompts: list[Prompt], num_frames: int) -> list[Tensor]:
        """The logits of one concept in each frame, fp32 `[1, h, w]` each."""
        if not prompts:
            return [torch.full((1, 1, 1), BELOW)] * num_frames
        session.reset_tracking_data()  # what the model saw of the frames stays
        concept = session.obj_id_to_idx(0)
        side = self.model.config.image_size
        for frame, peak, box in prompts:
            points = torch.tensor([box[:2], box[2:], peak]) * side
            kinds = torch.tensor([LEFT_TOP, RIGHT_BOTTOM, POINT], dtype=torch.int32)
            points = points.to(self.model.dtype)
            session.add_point_inputs(
                concept, frame, {"point_coords": points[None, None], "point_labels": kinds[None, None]}
            )
            session.obj_with_new_inputs = [0]
            self.model(session, frame_idx=frame)
        first = prompts[0].frame
        logits = {}
        for reverse in (True, False):
            for found in self.model.propagate_in_video_iterator(session, first, reverse=reverse):
                logits[found.frame_idx] = found.pred_masks[0].float().cpu()
        return [logits[frame] for frame in range(num_frames)]
