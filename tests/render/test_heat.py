"""Values as heat: robust to outliers, on a scale for each concept, and never in place."""

import numpy as np
import pytest
import torch

from imap_fast.render.heatmap import heat, overlay_heat, pale


def random_values(seed: int) -> torch.Tensor:
    return torch.randn(2, 5, 9, 11, generator=torch.Generator().manual_seed(seed))


def test_every_concept_has_a_scale_of_its_own():
    values = random_values(1)
    scaled = values.clone()
    scaled[1] = scaled[1] * 0.01 + 77
    np.testing.assert_allclose(heat(scaled)[0], heat(values)[0])
    np.testing.assert_allclose(heat(scaled)[1], heat(values)[1], atol=2e-2)
    assert heat(values).amin() == 0
    assert heat(values).amax() == 1


def test_order_is_kept_between_the_percentiles():
    values = random_values(2)
    hot = heat(values)
    order = values[0].flatten().argsort()
    assert torch.all(hot[0].flatten()[order].diff() >= 0)
    assert hot[0].flatten().unique().numel() > 400


def test_one_wild_value_does_not_dim_the_rest():
    values = random_values(3)
    wild = values.clone()
    wild[0, 0, 0, 0] = 1e6
    assert (heat(wild)[0] - heat(values)[0]).abs().flatten().sort().values[:-1].max() < 0.1


def test_stored_values_stay_as_they_are():
    values = random_values(4)
    before = values.clone()
    heat(values)
    assert torch.equal(values, before)


@pytest.mark.parametrize("value", [0.0, -3.0, 1e30])
def test_a_constant_map_is_cold_and_its_rounding_is_not_blown_up(value):
    constant = torch.full((1, 3, 5, 5), value)
    constant = constant * (1 + 1e-7 * random_values(5)[:1, :3, :5, :5])
    assert torch.all(heat(constant) == 0)


def test_what_is_not_finite_is_cold():
    values = random_values(6)
    values[0, 0, 0, :3] = torch.tensor([float("nan"), float("inf"), -float("inf")])
    values[1] = float("nan")
    hot = heat(values)
    assert torch.all(hot[0, 0, 0, :3] == 0)
    assert hot[0].amax() == 1
    assert torch.all(hot[1] == 0)


def test_cold_shows_the_frame_and_hot_shows_heat():
    frames = np.random.default_rng(7).integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    backdrop = pale(frames)
    hot = torch.zeros(2, 1, 2)
    hot[1, 0, 1] = 1
    shown = overlay_heat(backdrop, hot).astype(int)
    np.testing.assert_allclose(shown[0], 0.8 * backdrop[0], atol=1)
    hottest = shown[1, :, -3:].reshape(-1, 3)
    assert hottest.std(0).max() < 10  # the frame is hardly visible
    assert hottest[:, 0].min() > 200  # inferno ends in a pale yellow
    assert hottest[:, 2].max() < 190
