"""Memory of a run: how many windows fit on the device, and how to free the text encoders."""

from __future__ import annotations

from typing import Any

import torch

MOST_WINDOWS = 16
"""The largest batch of windows. It keeps any GPU busy."""

USABLE_SHARE = 0.9
"""The share of free memory that is used. Allocators lose some between tensors."""


class PeakMeter:
    """Measures the peak memory of a window on the device, from its construction on."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.allocated_before = torch.cuda.memory_allocated(device)

    def windows_that_fit(self) -> int:
        """The number of windows like the measured one that fit into the free memory together. 1 on a CPU."""
        if self.device.type != "cuda":
            return 1
        needed = torch.cuda.max_memory_allocated(self.device) - self.allocated_before
        free, _ = torch.cuda.mem_get_info(self.device)
        # Memory that the allocator reserves without using it is free, too.
        free += torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return max(1, min(MOST_WINDOWS, int(USABLE_SHARE * free / max(needed, 1))))


def release_text_encoders(pipe: Any) -> None:
    """Remove the text encoders of a pipeline whose text is already encoded, and free their memory on the device."""
    for name in [name for name in pipe.components if name.startswith("text_encoder")]:
        setattr(pipe, name, None)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
