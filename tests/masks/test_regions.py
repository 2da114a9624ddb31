"""Which patches are in a mask: the scale of a concept, its threshold, and regions of space and time."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.masks.components import PEAK, SMALLEST, dropped, without
from imap_fast.masks.scale import BELOW, scales_of, scores_of
from imap_fast.masks.threshold import check_threshold
from imap_fast.metrics.overlap import otsu_threshold
from imap_fast.render.heatmap import heat


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def inside(values: torch.Tensor, threshold: object) -> np.ndarray:
    return (scores_of(values, scales_of(values, check_threshold(threshold))) >= 0).numpy()


@given(st.integers(0, 2**16), st.integers(1, 4), st.integers(1, 7), st.floats(0.001, 1000), st.floats(-100, 100))
def test_the_scale_is_the_concepts_own(seed: int, concepts: int, frames: int, factor: float, shift: float) -> None:
    values = drawn(seed, concepts, frames, 5, 7)
    for threshold in ("otsu", "otsu-twice", "80%"):
        expected = inside(values, threshold)
        # In fp64, so that the change of the scale rounds nothing together.
        changed = values.double() * factor + shift
        assert (inside(changed, threshold) == expected).mean() > 0.99


@given(st.integers(0, 2**16), st.floats(0.01, 0.99))
def test_a_number_is_on_the_scale_of_heatmaps(seed: int, threshold: float) -> None:
    values = drawn(seed, 2, 3, 11, 13)
    near = (heat(values).numpy() - threshold).__abs__() < 1e-4
    assert ((inside(values, threshold) == (heat(values).numpy() >= threshold)) | near).all()


@given(st.integers(0, 2**16), st.integers(0, 100))
def test_a_percentile_leaves_its_share_below(seed: int, percent: int) -> None:
    values = drawn(seed, 1, 3, 11, 13)
    share = 1 - inside(values, f"{percent}%").mean()
    assert abs(share - percent / 100) < 0.005


def test_otsu_splits_once_and_twice() -> None:
    values = drawn(0, 1, 3, 11, 13)
    once = otsu_threshold(values.numpy())
    twice = otsu_threshold(values.numpy()[values.numpy() >= once])
    assert (inside(values, "otsu") == (values.numpy() >= once)).all()
    assert (inside(values, "otsu-twice") == (values.numpy() >= twice)).all()
    assert twice > once


def test_otsu_does_not_part_an_object_that_it_cut_out() -> None:
    values = 0.3 * torch.rand(1, 3, 11, 13, generator=torch.Generator().manual_seed(0))
    values[..., 2:6, 3:8] += 1
    assert (inside(values, "otsu-twice") == (values.numpy() >= 1)).all()
    halo = values.clone()
    halo[..., 1:8, 1:11] += 0.5
    assert (inside(halo, "otsu-twice") == (halo.numpy() >= 1.5)).all()


@pytest.mark.parametrize("values", [[1.0], [0.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
def test_otsu_needs_no_third_value(values) -> None:
    patches = torch.tensor(values).view(1, 1, 1, -1)
    assert inside(patches, "otsu-twice").sum() == (patches == 1).sum() * (len(values) > 1)


@pytest.mark.parametrize("threshold", ["otsu", "otsu-twice", "0%", 0, "50%"])
def test_a_constant_map_has_no_mask(threshold) -> None:
    assert not inside(torch.full((1, 2, 3, 4), 7.0), threshold).any()


def test_a_percentile_of_many_cold_patches_is_above_them() -> None:
    values = torch.zeros(1, 2, 5, 7)
    values[0, :, :2, :3] = torch.rand(2, 2, 3, generator=torch.Generator().manual_seed(0)) + 0.1
    assert (inside(values, "50%") == (values.numpy() > 0)).all()


@pytest.mark.parametrize(
    "threshold", ["Otsu", "", "101%", "-1%", "nan", "nan%", "inf", 1.01, -0.01, float("nan"), "90 percent", "1e400"]
)
def test_a_threshold_that_is_none_is_named(threshold) -> None:
    with pytest.raises(ValueError, match=r"threshold=.*is none of"):
        check_threshold(threshold)


@pytest.mark.parametrize("threshold", [None, True, [0.5], b"otsu"])
def test_a_threshold_of_another_type_is_named(threshold) -> None:
    with pytest.raises(TypeError, match=r"threshold=.*is none of"):
        check_threshold(threshold)


def test_thresholds_are_written_in_one_way() -> None:
    assert check_threshold(" 90.0 %") == "90%"
    assert check_threshold("0.5") == check_threshold(0.5) == 0.5
    assert check_threshold(1) == 1.0


def one_map(*regions: tuple[float, tuple[slice, slice, slice]], frames: int = 8) -> torch.Tensor:
    """A map of one concept: 0, with a few hot patches in the last corner, and the regions of these heats."""
    values = torch.zeros(1, frames, 12, 12)
    values[0, :, 10:, 10:] = 1
    for value, where in regions:
        values[0][where] = value
    return values


def kept(values: torch.Tensor, shots: list[slice] | None = None) -> np.ndarray:
    scales = scales_of(values, 0.4)
    regions = dropped(values, scales, shots or [slice(0, values.shape[1])])
    return (without(scores_of(values, scales), regions) >= 0).numpy()[0]


def test_a_region_that_is_nowhere_hot_is_dropped_and_one_with_a_hot_patch_is_kept_whole() -> None:
    edge = 0.4 + PEAK * 0.6
    lukewarm = slice(0, 3), slice(0, 4), slice(0, 4)
    mask = kept(one_map((edge - 0.01, lukewarm)))
    assert not mask[lukewarm].any()
    assert mask[:, 10:, 10:].all()
    hot = slice(2, 3), slice(3, 4), slice(3, 4)
    mask = kept(one_map((edge - 0.01, lukewarm), (edge + 0.01, hot)))
    assert mask[lukewarm].all()


def test_a_thing_that_is_small_in_its_clip_drops_what_is_hardly_hot() -> None:
    """It has fewer patches than the half percent above which heatmaps have one colour."""
    values = 0.01 * drawn(0, 1, 10, 30, 45)
    values[0, 2:4, 5:8, 5:8] = 1 + 0.05 * torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
    values[0, 7, 20:22, 30:33] = 0.6
    scales = scales_of(values, check_threshold("otsu"))
    assert scales[0].hottest > 0
    regions = dropped(values, scales, [slice(0, 10)])[0]
    inner = (scores_of(values, scales) >= 0).numpy()[0]
    assert inner[7, 20:22, 30:33].all()
    assert regions[7, 20:22, 30:33].all()
    assert not regions[2:4, 5:8, 5:8].any()


def test_a_small_region_is_dropped_and_time_counts() -> None:
    patch = slice(5, 6), slice(5, 6)
    assert not kept(one_map((1.0, (slice(0, SMALLEST - 1), *patch))))[:, 5, 5].any()
    assert kept(one_map((1.0, (slice(0, SMALLEST), *patch))))[:SMALLEST, 5, 5].all()


def test_patches_touch_at_corners_and_in_time() -> None:
    places = [(frame, 2 + frame, 2 + frame) for frame in range(SMALLEST)]
    values = one_map(*((1.0, tuple(slice(place, place + 1) for place in each)) for each in places))
    assert all(kept(values)[each] for each in places)


def test_no_region_passes_a_cut() -> None:
    patch = slice(5, 6), slice(5, 6)
    values = one_map((1.0, (slice(4 - SMALLEST + 1, 5), *patch)))
    assert kept(values)[:, 5, 5].any()
    assert not kept(values, [slice(0, 4), slice(4, 8)])[:, 5, 5].any()


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 9), st.integers(1, 3))
def test_between_patches_nothing_of_a_dropped_region_is_left(seed: int, concepts: int, frames: int, parts: int) -> None:
    """A kept patch and a dropped one are never neighbours, so bilinear interpolation mixes them with cold ones only."""
    values = drawn(seed, concepts, frames, 7, 9)
    scales = scales_of(values, "otsu")
    edges = np.linspace(0, frames, parts + 1).astype(int)
    shots = [slice(begin, end) for begin, end in pairwise(edges) if begin < end]
    regions = dropped(values, scales, shots)
    scores = scores_of(values, scales)
    gated = without(scores, regions).numpy()
    assert (gated[regions] == BELOW).all()
    assert (gated[~regions] == scores.numpy()[~regions]).all()
    for shot in shots:
        inner, out = gated[:, shot] >= 0, regions[:, shot]
        for axis, size in enumerate(out.shape[1:], 1):
            ahead = [slice(None)] * 4
            ahead[axis] = slice(1, size)
            back = [slice(None)] * 4
            back[axis] = slice(0, size - 1)
            assert not (inner[tuple(ahead)] & out[tuple(back)]).any()
            assert not (inner[tuple(back)] & out[tuple(ahead)]).any()
