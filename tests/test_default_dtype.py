"""Whatever dtype PyTorch gives new tensors by default, the results are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import imap_fast
from imap_fast.layers.eigenvalue import second_eigenvalues
from imap_fast.layers.localize import patches_inside
from imap_fast.upsampling.interpolate import upsample_space, upsample_time
from imap_fast.upsampling.latent_time import LatentTime
from tests.architectures import Architecture
from tests.explaining.test_explain import clip
from tests.precision import default_dtype
from tests.tiny import HEIGHT, WIDTH

OTHER_DTYPES = [torch.bfloat16, torch.float64]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", OTHER_DTYPES, ids=str)
def test_explained_maps_are_the_same(dtype: torch.dtype, architecture: Architecture) -> None:
    maps = ("imap", "gramcol", "cross_attention")
    inside = {
        "maps": (*maps, "region_cosine"),
        "regions": {"a": (0.3, 9.0, 9.0)},
        "keep": ["layers"],
        "heads": [(1, 0)],
    }
    read = {**architecture.arguments, **inside, "layers": [0, 1], "height": HEIGHT, "width": WIDTH, "window": 9}
    pipeline = architecture.pipeline()
    expected = imap_fast.explain(pipeline, clip(13), "a red cat", ["cat", "red"], **read)
    with default_dtype(dtype):
        found = imap_fast.explain(pipeline, clip(13), "a red cat", ["cat", "red"], **read)
    for name in (*maps, "head_scores", "selected_heads", "seconds", "single_heads"):
        assert same(getattr(found, name), getattr(expected, name)), name
    for name, values in expected.kept.items():
        assert same(found.kept[name], values), name
        assert same(found.maps[name], expected.maps[name]), name


@pytest.mark.parametrize("dtype", OTHER_DTYPES, ids=str)
def test_what_is_made_of_maps_is_the_same(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    values, query, key = (
        torch.randn(shape, generator=generator, dtype=torch.float32) for shape in ((2, 5, 3, 4), (3, 7, 8), (3, 7, 8))
    )
    mask = np.arange(17 * 6 * 8).reshape(17, 6, 8) % 5 < 3

    def results() -> tuple[Tensor, ...]:
        times = LatentTime(4, 1).frame_times(5, 17)
        return (
            times,
            upsample_time(values, times, 17),
            upsample_space(values, 24, 32),
            second_eigenvalues(query, key),
            torch.from_numpy(patches_inside(mask, (5, 3, 4), 4, 1)),
        )

    expected = results()
    with default_dtype(dtype):
        found = results()
    for one, other in zip(found, expected, strict=True):
        assert same(one, other)


def same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
