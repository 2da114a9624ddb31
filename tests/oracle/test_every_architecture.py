"""Maps are those of an oracle that knows no adapter, for every architecture."""

from __future__ import annotations

import pytest
import torch

import imap_fast
from imap_fast.tracing.running_maps import RunningMaps
from tests.architecture import Architecture
from tests.assertions import assert_close
from tests.oracle.maps import oracle_maps

LAYERS, TOP_K, GRID = (0, 1, 2), 2, (3, 2, 3)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_maps_surrogates_and_heads_are_those_of_the_oracle(
    any_architecture: Architecture, match: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = any_architecture
    if match == "concepts" and architecture.prompt_only:
        pytest.skip("concepts have no stream of their own in this architecture")
    transformer, inputs = architecture.transformer(), architecture.draw(batch, padding=5)
    inputs["encoder_hidden_states"][0, -9:] = 0  # the first of two videos has more padding
    concepts = architecture.concepts() if match == "concepts" else None
    surrogates: list[torch.Tensor] = []
    stock_match = RunningMaps._match

    def matching(running: RunningMaps, *args: object) -> object:
        matched = stock_match(running, *args)
        surrogates.append(matched[0])
        return matched

    monkeypatch.setattr(RunningMaps, "_match", matching)
    arguments = {"layers": LAYERS, "top_k": TOP_K, "maps": architecture.maps, "match": match}
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
        transformer(**inputs)
    maps = tracer.maps
    for video in range(batch):
        chosen = {"grid": GRID, "layers": LAYERS, "top_k": TOP_K, "video": video}
        expected = oracle_maps(architecture, transformer, inputs, concepts=concepts, **chosen)
        of_video = torch.stack(surrogates[video::batch])
        # Padding is one row of ours. What a model leaves out of its attention is not in the oracle.
        count = min(of_video.shape[2], expected["surrogates"].shape[2])
        assert torch.equal(of_video[:, :, :count], expected["surrogates"][:, :, :count])
        heads = maps.selected_heads if batch == 1 else maps.selected_heads[video]
        assert torch.equal(heads.sort(-1).values, expected["heads"])
        for name in architecture.maps:
            own = getattr(maps, name) if batch == 1 else getattr(maps, name)[video]
            count = min(len(own), len(expected[name]))
            assert_close(own[:count], expected[name][:count], 1e-4)
