"""FLOPs of a trace at full size, counted on the meta device."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel, HunyuanVideoTransformer3DModel
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import imap_fast
from imap_fast.maps.names import MAP_NAMES

pytestmark = pytest.mark.usefixtures("unwrapped_operations")


def cogvideox_2b() -> tuple[nn.Module, dict[str, Tensor]]:
    """CogVideoX-2B, the default of diffusers, and a guided batch."""
    inputs = {
        "hidden_states": torch.empty(2, 13, 16, 60, 90),
        "encoder_hidden_states": torch.empty(2, 226, 4096),
        "timestep": torch.empty(2),
    }
    return CogVideoXTransformer3DModel(), inputs


def hunyuan_video() -> tuple[nn.Module, dict[str, Tensor]]:
    """HunyuanVideo, the default of diffusers, and its batch."""
    inputs = {
        "hidden_states": torch.empty(1, 16, 13, 60, 90),
        "encoder_hidden_states": torch.empty(1, 256, 4096),
        "timestep": torch.empty(1),
        "encoder_attention_mask": torch.empty(1, 256),
        "pooled_projections": torch.empty(1, 768),
        "guidance": torch.empty(1),
    }
    return HunyuanVideoTransformer3DModel(), inputs


# For each model, a lower bound of the stock forward pass: the linear layers of its blocks. CogVideoX: 2 guided halves ×
# 17,776 rows × 30 layers × 12 · 1920² weights. HunyuanVideo: 17,806 rows × 60 layers × 12 · 3072² weights. Then the
# highest ratio that a trace may have to it.
MODELS = {
    "CogVideoX-2B": (cogvideox_2b, True, 2 * 2 * 17776 * 30 * 12 * 1920**2, 1.001),
    "HunyuanVideo": (hunyuan_video, False, 2 * 17806 * 60 * 12 * 3072**2, 1.01),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_eight_concepts_cost_at_most_one_percent(name: str) -> None:
    make, guided, least, most = MODELS[name]
    with torch.device("meta"):
        transformer, inputs = make()
        concepts = torch.empty(8, 4096)
    transformer.eval()

    def flops() -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            transformer(**inputs)
        return counter.get_total_flops()

    stock = flops()
    with imap_fast.trace(transformer, concepts, guided=guided, maps=MAP_NAMES) as tracer:
        assert tracer.settings.layers == tracer.adapter.published_layers
        traced = flops()
    assert stock > least
    assert stock < traced <= most * stock


@pytest.mark.slow
def test_four_noises_of_a_real_video_cost_little_more_than_twice_one() -> None:
    """CogVideoX-2B, 49 × 480×720: a window is encoded once, and passes up to layer 23 of 30 for each noise."""
    with torch.device("meta"):
        vae, transformer = AutoencoderKLCogVideoX().eval(), CogVideoXTransformer3DModel(num_layers=24).eval()
        pixels, concepts = torch.empty(1, 3, 49, 480, 720), torch.empty(8, 4096)
        latents, text, timestep = torch.empty(1, 13, 16, 60, 90), torch.empty(1, 226, 4096), torch.empty(1)
    layers = [4, 6, 7, *range(10, 24)]
    with torch.no_grad(), FlopCounterMode(display=False) as encoding:
        vae.encode(pixels)
    with torch.no_grad(), imap_fast.trace(transformer, concepts, layers=layers, guided=False):
        with FlopCounterMode(display=False) as forward:
            transformer(hidden_states=latents, encoder_hidden_states=text, timestep=timestep)
    once, again = encoding.get_total_flops(), forward.get_total_flops()
    assert again > 2 * 17776 * 24 * 12 * 1920**2
    assert once + 4 * again <= 2.2 * (once + again)
