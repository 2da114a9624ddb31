"""The latent frame in which a region was marked."""

import pytest
import torch

from imap_fast.tracking.marked import marked_in


@pytest.mark.parametrize("latent", [0, 1, 2])
def test_what_a_trace_recorded_counts(latent):
    region = {"seconds": 0.5, "latent_frame": latent}
    assert marked_in(region, None) == latent
    assert marked_in(region, torch.tensor([0.5, 1, 2])) == latent


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 0), (0.5, 1), (0.6, 2), (9.0, 2)])
def test_without_a_record_it_is_the_nearest_one(seconds, expected):
    times = torch.tensor([0, 0.3125, 0.8125])
    assert marked_in({"seconds": seconds}, times) == expected
    assert marked_in({"seconds": seconds, "latent_frame": None}, times) == expected
    assert marked_in({"seconds": seconds}, None) is None
