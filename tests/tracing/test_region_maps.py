"""Maps of regions, against Gram matrices of a whole layer in fp64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from imap_fast import SaliencyMaps
from imap_fast.maps.names import REGION_MAPS, WITHIN_FEATURES
from imap_fast.tracing.region_reader import RegionReader
from imap_fast.tracing.regions import check_regions
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.tracing.marking import GRID, LAYERS, PATCHES, REGIONS, TOKENS, traced


def oracle(name: str, query: Tensor, key: Tensor | None, features: Tensor, tokens: list[int]) -> Tensor:
    """The mean of the columns of these tokens in a whole matrix of N × N, in fp64."""
    rows, columns = (features, features) if name in WITHIN_FEATURES else (query, key)
    rows, columns = rows.double(), columns.double()
    if name.endswith("cosine"):
        rows, columns = (x / x.norm(dim=-1, keepdim=True) for x in (rows, columns))
    matrix = rows @ columns.mT
    total = matrix[:, tokens].mean(1)
    return total.mean(0) if name.endswith("cosine") else total.sum(0)


def flat(label: str) -> list[int]:
    frame, patches = TOKENS[label]
    return [frame * PATCHES + patch for patch in patches]


@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_against_whole_matrices(architecture: Architecture, match: str) -> None:
    if architecture.prompt_only and match == "concepts":
        pytest.skip("there is no such mode")
    seen: list = []
    maps = traced(architecture, seen, match=match, **({"concepts": None} if match == "prompt" else {}))
    found = [name for name in maps.maps if name in REGION_MAPS]
    assert len(found) == (2 if architecture.prompt_only else 4)
    for name in found:
        assert maps.labels_of(name) == tuple(REGIONS)
        for row, label in enumerate(REGIONS):
            for video in range(2):
                expected = [
                    oracle(name, query, key, features, flat(label))
                    for _, layer, of, query, key, features in seen
                    if of == video and layer in LAYERS
                ]
                assert len(expected) == 4
                values = maps.maps[name][video, row].flatten()
                assert_close(values, sum(expected) / 4, 1e-4)


def test_words_have_the_same_bits_beside_regions(architecture: Architecture) -> None:
    with_them, without = traced(architecture), traced(architecture, regions=None, maps=["gramcol"])
    assert torch.equal(with_them.gramcol, without.gramcol)
    assert "regions" not in without.settings


def test_regions_alone_are_the_same(architecture: Architecture) -> None:
    if architecture.prompt_only:
        pytest.skip("without words, every token of the prompt is looked for")
    beside = traced(architecture)
    alone = traced(architecture, concepts=None, maps=None)
    assert list(alone.maps) == ["region_cosine"]
    assert alone.labels == tuple(REGIONS)
    assert_close(alone.maps["region_cosine"], beside.maps["region_cosine"], 1e-5)
    assert alone["box"].shape == (2, *GRID)


@pytest.mark.parametrize(
    "maps",
    [["region_qk"], ["region_gram", "region_qk_cosine", "region_qk"], ["region_cosine", "region_gram", "region_qk"]],
)
def test_some_of_the_maps_are_the_same(maps: list[str]) -> None:
    whole, some = (traced(ARCHITECTURES["cogvideox"], maps=["gramcol", *each]) for each in (REGION_MAPS, maps))
    for name in maps:
        assert_close(some.maps[name], whole.maps[name], 1e-5)


def test_what_is_not_known_is_not_recorded() -> None:
    reader = RegionReader(check_regions(REGIONS), ["region_cosine"], "auto")
    assert reader.record() == reader.identity()
    reader.latent_frames = [0, 2, 1]
    assert [each["latent_frame"] for each in reader.record().values()] == [0, 2, 1]


def test_a_point_is_most_like_itself(architecture: Architecture) -> None:
    cosine = traced(architecture).maps["region_cosine"]
    assert_close(cosine[:, 0].flatten(1)[:, flat("point")[0]], torch.ones(2), 1e-5)
    assert cosine.abs().max() <= 1 + 1e-5


def test_layers_and_steps_are_kept(architecture: Architecture) -> None:
    kept = traced(architecture, keep=["layers", "steps"])
    for position, layer in enumerate(LAYERS):
        alone = traced(architecture, layers=[layer], steps=[1])
        for name, values in alone.maps.items():
            assert torch.equal(kept.by_layer_and_step[name][:, position, 1], values)


def test_a_file_gives_them_back(architecture: Architecture, tmp_path: Path) -> None:
    maps = traced(architecture)
    maps.save(tmp_path / "maps.npz")
    loaded = SaliencyMaps.load(tmp_path / "maps.npz")
    assert loaded.record() == maps.record()
    assert torch.equal(loaded.maps["region_cosine"], maps.maps["region_cosine"])
    assert loaded.settings["regions"]["point"] == {"seconds": 0.0, "point": [1.5, 0.5], "latent_frame": 0}
    assert [region["latent_frame"] for region in loaded.settings["regions"].values()] == [0, 2, 1]
    assert loaded.settings["regions"]["box"]["box"] == [1.0, 0.0, 3.0, 2.0]
    assert loaded.settings["regions"]["mask"]["size"] == [2, 3]
    assert len(loaded.settings["regions"]["mask"]["mask"]) == 64, "its digest"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"regions": None, "maps": ["region_cosine"]}, "region_cosine is a map of regions, and none are marked"),
        ({"maps": ["region_gram"]}, "no map of concepts is made, only region_gram; add gramcol, or omit concepts"),
        ({"concepts": None, "maps": ["gramcol", "region_gram"]}, "gramcol is a map of concepts, and none are named"),
    ],
)
def test_maps_that_do_not_fit(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        traced(ARCHITECTURES["cogvideox"], **changed)


def test_wan_has_no_keys_of_visual_tokens() -> None:
    with pytest.raises(
        ValueError, match="region_qk is not possible: WanTransformer3DModel is read where visual tokens"
    ):
        traced(ARCHITECTURES["wan"], maps=["region_qk"])


def test_the_spread_is_that_of_the_steps(architecture: Architecture) -> None:
    maps = traced(architecture, keep=["steps"])
    for name in maps.maps:
        if name in REGION_MAPS:
            expected = maps.by_step[name].std(-5)
            assert_close(maps.spreads[name], expected, 1e-2)  # squares of sums, in fp32
