"""Latent frames at their true times, patches at their true places."""

import numpy as np
import pytest
import torch

from imap_fast.upsampling.interpolate import upsample_time
from imap_fast.upsampling.latent_time import LatentTime
from tests.assertions import assert_close
from tests.render.synthetic import make_maps


def covered_frames(token: int, padding: int, compression: int, patch: int) -> list[int]:
    """Video frames of a token frame, spelled out."""
    frames = []
    for latent in range(token * patch - padding, (token + 1) * patch - padding):
        if latent == 0:
            frames.append(0)
        elif latent > 0:
            frames.extend(range(compression * (latent - 1) + 1, compression * latent + 1))
    return frames


@pytest.mark.parametrize(
    ("num_frames", "compression", "patch"),
    [(49, 4, 1), (51, 4, 1), (1, 4, 1), (81, 4, 2), (85, 4, 2), (13, 4, 3), (9, 8, 1), (7, 1, 1), (7, 1, 2)],
)
def test_a_latent_frame_stands_at_the_mean_of_its_frames(num_frames, compression, patch):
    latents = (num_frames - 1) // compression + 1
    tokens = -(-latents // patch)
    expected = [np.mean(covered_frames(token, tokens * patch - latents, compression, patch)) for token in range(tokens)]
    times = LatentTime(compression, patch).frame_times(tokens, num_frames)
    np.testing.assert_allclose(times.numpy(), expected)


@pytest.mark.parametrize(
    ("num_frames", "times"),
    [
        (16, [1.5, 5.5, 9.5, 13.5]),
        (8, [1.5, 5.5]),
        (9, [0, 2.5, 6.5]),
        (10, [0.5, 3.5, 7.5]),
        (11, [1, 4.5, 8.5]),
        (12, [1.5, 5.5, 9.5]),
        (1, [0]),
    ],
)
def test_frames_that_fill_no_latent_are_in_the_first_one_of_cogvideox(num_frames, times):
    assert LatentTime(4, 1, rest_in_first_latent=True).frame_times(len(times), num_frames).tolist() == times


def test_latents_in_patches_keep_the_rest_in_front():
    """22 latents decode to 88 frames."""
    times = LatentTime(4, 2, rest_in_first_latent=True).frame_times(11, 88)
    assert times.tolist() == [8 * patch + 3.5 for patch in range(11)]
    padded = LatentTime(4, 2, rest_in_first_latent=True).frame_times(11, 81)
    assert padded.tolist() == LatentTime(4, 2).frame_times(11, 81).tolist()


@pytest.mark.parametrize(("tokens", "patch", "frames"), [(4, 1, 16), (5, 1, 17), (13, 1, 49), (11, 2, 88), (1, 1, 1)])
def test_the_longest_video_is_what_cogvideox_decodes(tokens, patch, frames):
    assert LatentTime(4, patch, rest_in_first_latent=True).longest_video(tokens) == frames


@pytest.mark.parametrize(
    ("tokens", "num_frames", "patch", "numbers"),
    [(13, 53, 1, "14.*13"), (13, 48, 1, "12.*13"), (11, 77, 2, "20.*22"), (5, 0, 1, "not 0")],
)
def test_a_video_of_another_length_is_refused(tokens, num_frames, patch, numbers):
    with pytest.raises(ValueError, match=numbers):
        LatentTime(4, patch).frame_times(tokens, num_frames)


@pytest.mark.parametrize(("num_frames", "patch"), [(17, 1), (18, 1), (29, 2), (1, 1)])
def test_between_frames_values_follow_time(num_frames, patch):
    tokens = -(-((num_frames - 1) // 4 + 1) // patch)
    times = LatentTime(4, patch).frame_times(tokens, num_frames)
    values = torch.randn(2, tokens, 3, 5, generator=torch.Generator().manual_seed(1))
    result = upsample_time(values, times, num_frames)
    flat = values.reshape(2, tokens, -1).numpy()
    expected = [[np.interp(np.arange(num_frames), times.numpy(), flat[c, :, i]) for i in range(15)] for c in range(2)]
    assert_close(result, torch.tensor(np.array(expected)).mT.reshape(2, num_frames, 3, 5), 1e-6)


def test_the_whole_map_at_the_size_of_the_video():
    maps = make_maps(grid=(5, 3, 4))
    result = maps.upsample(17, 9, 12, map="gramcol")
    in_time = upsample_time(maps.gramcol, maps.frame_times(17), 17)
    # With corners not aligned, a patch has its value in its middle, and half a patch of border stays constant.
    assert_close(result[..., 1::3, 1::3], in_time, 1e-6)
    assert_close(result[..., 0, 0], in_time[..., 0, 0], 1e-6)
    assert_close(result[..., 1, 2], (2 * in_time[..., 0, 0] + in_time[..., 0, 1]) / 3, 1e-5)


def test_several_videos_and_temporal_patches():
    maps = make_maps(grid=(3, 2, 2), videos=2, patch_size_t=2)
    result = maps.upsample(17, 2, 2)
    assert result.shape == (2, 3, 17, 2, 2)
    assert torch.equal(result[0], maps.video(0).upsample(17, 2, 2))
    assert torch.equal(result[:, :, 0], maps.imap[:, :, 0])
