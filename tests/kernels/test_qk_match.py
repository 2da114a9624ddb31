"""QK-matching against brute force."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_kernels import qk_match
from tests.kernels.draw import ANY_SHAPE, draw_rows

SHAPES = [
    (1, 1, 1, 1, 4),
    (2, 1, 31, 3, 64),
    (3, 5, 1, 2, 16),
    (2, 3, 67, 17, 96),
    (2, 2, 131, 1, 128),
    (1, 2, 13, 70, 64),
]


def check_peaks(index: torch.Tensor, query: torch.Tensor, key: torch.Tensor, frames: int) -> None:
    """Equal to the argmax in fp64 wherever the runner-up is further behind than fp32 rounding."""
    score = torch.einsum("afpd,akd->akfp", query.double().unflatten(1, (frames, -1)), key.double())
    assert index.dtype == torch.int64
    assert index.shape == score.shape[:3]
    peak = score.amax(-1)
    rounding = 1e-5 * torch.einsum(
        "afpd,akd->akfp", query.double().abs().unflatten(1, (frames, -1)), key.double().abs()
    )
    reached = score.gather(-1, index[..., None])[..., 0]
    assert torch.all(peak - reached <= rounding.amax(-1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("heads", "frames", "patches", "keys", "dim"), SHAPES)
def test_finds_the_peak_of_every_frame(backend, heads, frames, patches, keys, dim, dtype):
    query = draw_rows(heads, frames * patches, dim, seed=1, dtype=dtype)
    key = draw_rows(heads, keys, dim, seed=2, dtype=dtype)
    check_peaks(qk_match(query, key, frames=frames, backend=backend), query, key, frames)


@ANY_SHAPE
@given(
    heads=st.integers(1, 3),
    frames=st.integers(1, 4),
    patches=st.integers(1, 40),
    keys=st.integers(1, 20),
    dim=st.sampled_from([4, 20, 64]),
    seed=st.integers(0, 99),
)
def test_any_shape(backend, heads, frames, patches, keys, dim, seed):
    query, key = draw_rows(heads, frames * patches, dim, seed=seed), draw_rows(heads, keys, dim, seed=seed + 100)
    check_peaks(qk_match(query, key, frames=frames, backend=backend), query, key, frames)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_lowest_patch_wins_a_tie(backend, dtype):
    # Whole numbers, so that equal patches have equal scores to the bit; few of them, so that most peaks are tied.
    heads, frames, patches, keys, dim = 2, 3, 150, 5, 16
    query = draw_rows(heads, frames * patches, dim, seed=3, dtype=dtype).sign()
    query[..., 2:] = 1
    key = draw_rows(heads, keys, dim, seed=4, dtype=dtype).sign()
    score = torch.einsum("afpd,akd->akfp", query.double().unflatten(1, (frames, -1)), key.double())
    tied = score == score.amax(-1, keepdim=True)
    lowest = torch.where(tied, torch.arange(patches, device=score.device), patches).amin(-1)
    assert tied.sum() > 10 * lowest.numel()
    assert torch.equal(qk_match(query, key, frames=frames, backend=backend), lowest)


def test_negative_scores_have_a_peak_too(backend):
    query = -draw_rows(2, 3 * 35, 64, seed=5).abs()
    key = draw_rows(2, 4, 64, seed=6).abs()
    index = qk_match(query, key, frames=3, backend=backend)
    assert index.max() < 35
    check_peaks(index, query, key, 3)


def test_says_what_does_not_fit():
    query, key = torch.randn(2, 12, 8), torch.randn(2, 3, 8)
    with pytest.raises(ValueError, match=r"12 visual tokens.*each of 5 frames"):
        qk_match(query, key, frames=5)
    with pytest.raises(ValueError, match="each of 0 frames"):
        qk_match(query, key, frames=0)
    with pytest.raises(ValueError, match=r"key has shape \[2, 3, 4\] but query has \[2, 12, 8\]"):
        qk_match(query, key[..., :4], frames=3)
    with pytest.raises(ValueError, match="pass one video"):
        qk_match(query[None], key, frames=3)
    with pytest.raises(ValueError, match="at least one entry"):
        qk_match(query, key[:, :0], frames=3)
    with pytest.raises(TypeError, match=r"key is torch.float16 but query is torch.float32"):
        qk_match(query, key.half(), frames=3)
    with pytest.raises(TypeError, match=r"query is torch.int64; cast it to float64, float32, float16 or bfloat16"):
        qk_match(query.long(), key.long(), frames=3)
