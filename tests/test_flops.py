"""What a trace costs at full size, counted on tensors without data."""

from __future__ import annotations

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

import imap_fast
from imap_fast.maps import MAP_NAMES
from tests.operations import unwrap_operations


def test_eight_concepts_on_cogvideox_2b_cost_at_most_one_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    unwrap_operations(monkeypatch)
    with torch.device("meta"):
        transformer = CogVideoXTransformer3DModel().eval()  # the defaults are those of CogVideoX-2B
        latents = torch.empty(2, 13, 16, 60, 90)
        text, timestep, concepts = torch.empty(2, 226, 4096), torch.empty(2), torch.empty(8, 4096)

    def flops() -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            transformer(latents, text, timestep)
        return counter.get_total_flops()

    stock = flops()
    with imap_fast.trace(transformer, concepts, guided=True, maps=MAP_NAMES) as tracer:
        assert tracer.settings.layers == (4, 6, 7, *range(10, 24))
        traced = flops()
    # At least the linear layers of the block: 2 guided halves × 17,776 rows × 30 layers × 12 · 1920² weights.
    assert stock > 2 * 2 * 17776 * 30 * 12 * 1920**2
    assert stock < traced <= 1.01 * stock
