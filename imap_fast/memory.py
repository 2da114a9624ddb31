"""Where a pipeline's weights are while it runs, and how much of it the device takes."""

from __future__ import annotations

import torch

MOST_WINDOWS = 16
"""In a batch; by then a GPU has all it can work on."""

SPARE = 0.9
"""Of the free memory, what is counted on: allocators lose some between tensors."""


class PeakMeter:
    """Measures what a window takes on the device, from here on."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.held = torch.cuda.memory_allocated(device)

    def windows_that_fit(self) -> int:
        """How many windows like the one just passed fit in the free memory together; 1 on a CPU."""
        if self.device.type != "cuda":
            return 1
        taken = torch.cuda.max_memory_allocated(self.device) - self.held
        free, _ = torch.cuda.mem_get_info(self.device)
        # What the allocator keeps without using it is free, too.
        free += torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return max(1, min(MOST_WINDOWS, int(SPARE * free / max(taken, 1))))
