"""Where windows begin, what they see, and how their maps are joined."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.explaining.blending import Blender, blend_weights
from imap_fast.explaining.windows import Windows
from imap_fast.models.real_video.noise import Noise
from imap_fast.upsampling.latent_time import LatentTime


@st.composite
def cuts(draw: st.DrawFn) -> Windows:
    """Windows of two latent frames at least."""
    r, p = draw(st.sampled_from([(1, 1), (4, 1), (8, 1), (4, 2), (2, 3)]))
    latents = draw(st.integers(p + 1, 14))
    return Windows((latents - 1) * r + 1, draw(st.integers(1, -(-latents // p) - 1)), r, p)


@given(cuts(), st.integers(1, 400))
def test_windows_cover_every_frame_but_a_rest_that_fills_no_latent_frame(windows: Windows, frames: int) -> None:
    cut = list(windows.split(range(frames)))
    covered = {frame for _, seen in cut for frame in seen}
    read = 1 + max(covered)
    assert covered == set(range(read))
    assert frames - read < (windows.temporal_compression if frames < windows.length else windows.span)
    assert len(cut) == windows.count(frames)
    for begin, seen in cut:
        assert seen == list(range(begin * windows.span, begin * windows.span + len(seen)))
        assert len(seen) == windows.length or len(cut) == 1


@given(cuts(), st.integers(1, 400), st.integers(0, 10))
def test_windows_go_on_where_they_were(windows: Windows, frames: int, done: int) -> None:
    cut = list(windows.split(range(frames)))
    done = min(done, len(cut))
    assert list(windows.split(range(windows.resume_frame(done), frames), done)) == cut[done:]


def test_no_more_is_held_than_a_window_and_a_step() -> None:
    windows, drawn = Windows(17, 2, 4), []

    def frames():
        for frame in range(200):
            drawn.append(frame)
            yield frame

    for begin, seen in windows.split(frames()):
        assert len(drawn) <= begin * 4 + 17 + windows.stride * windows.span
        assert len(seen) == 17


@given(cuts(), st.integers(1, 400))
def test_latent_frames_happen_when_the_frames_they_cover_do(windows: Windows, frames: int) -> None:
    frames = windows.whole(frames)
    seconds = windows.latent_means([frame / 10 for frame in range(frames)])
    expected = LatentTime(windows.temporal_compression, windows.patch_size_t).frame_times(len(seconds), frames) / 10
    torch.testing.assert_close(seconds, expected)


@given(st.integers(1, 20))
def test_blending_weights_rise_smoothly_and_add_up_to_one(frames: int) -> None:
    weight = blend_weights(frames)
    torch.testing.assert_close(weight + weight.flip(0), torch.ones(frames, dtype=torch.float64))
    assert (weight.diff() > 0).all()
    assert 0 < weight[0] <= weight[-1] < 1


@given(cuts(), st.integers(1, 400))
def test_what_windows_agree_on_is_blended_as_it_is(windows: Windows, frames: int) -> None:
    blender, parts = Blender(0, {}), []
    for begin, seen in windows.split(range(frames)):
        count = -(-windows._latents(len(seen)) // windows.patch_size_t)
        truth = torch.arange(begin, begin + count, dtype=torch.float32)
        parts.append(blender.add(begin, {"imap": truth[:, None].clone(), "seconds": truth.double()}))
        assert len(blender.pending["imap"]) <= windows.latent_frames
    parts.append(blender.pending)
    whole = torch.cat([part["imap"][:, 0] for part in parts])
    torch.testing.assert_close(whole, torch.arange(len(whole), dtype=torch.float32))
    assert torch.equal(torch.cat([part["seconds"] for part in parts]), torch.arange(len(whole)).double())


def test_overlapping_windows_crossfade() -> None:
    blender = Blender(0, {})
    blender.add(0, {"imap": torch.zeros(5, 1), "seconds": torch.arange(5.0)})
    final = blender.add(2, {"imap": torch.ones(5, 1), "seconds": torch.arange(5.0) + 9})
    assert final["imap"].flatten().tolist() == [0, 0]
    torch.testing.assert_close(blender.pending["imap"].flatten(), torch.cat([blend_weights(3).float(), torch.ones(2)]))
    # When a latent frame happens, the earlier window knows: of its first one the later window sees one frame alone.
    assert blender.pending["seconds"].tolist() == [2, 3, 4, 12, 13]


def test_a_latent_frame_has_the_same_noise_in_every_window() -> None:
    noise, like = Noise(torch.Generator().manual_seed(7)), torch.zeros(1, 5, 4, 2, 3)
    first = noise.draw(like, 0, dim=1)
    assert torch.equal(first, torch.randn(like.shape, generator=torch.Generator().manual_seed(7)))
    whole = torch.cat([noise.draw(like, begin, dim=1) for begin in (0, 5, 10)], dim=1)
    for begin in (3, 4, 7, 8, 1):
        assert torch.equal(noise.draw(like, begin, dim=1), whole[:, begin : begin + 5])
    assert whole.flatten(2).unique(dim=1).shape[1] == 15
    assert abs(whole.mean()) < 0.2


@pytest.mark.parametrize(
    ("length", "compression", "possible"),
    [(1, 4, [0]), (1, 1, [0]), (2, 1, [0, 1]), (3, 1, [0, 1, 2]), (3, 2, [1]), (9, 4, [1, 2]), (9, 8, [1])],
)
def test_possible_overlaps(length: int, compression: int, possible: list[int]) -> None:
    """Fewer would lose frames: of its first latent frame, a window reads only the last video frame."""
    for overlap in range(-1, 5):
        if overlap in possible:
            assert Windows(length, overlap, compression).overlap == overlap
        else:
            with pytest.raises(ValueError, match=f"give {possible[0]} to {possible[-1]}"):
                Windows(length, overlap, compression)


@pytest.mark.parametrize(("length", "overlap"), [(1, 0), (5, 1), (49, 1)])
def test_windows_share_one_latent_frame_by_default(length: int, overlap: int) -> None:
    assert Windows(length, None, 4).overlap == overlap


@pytest.mark.parametrize(("length", "overlap", "says"), [(0, 0, "window=0"), (17, 5, "overlap=5"), (17, 0, "1 to 4")])
def test_impossible_windows(length: int, overlap: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Windows(length, overlap, 4)


def test_in_fp64_the_noise_is_that_of_fp32() -> None:
    noise, like = Noise(torch.Generator().manual_seed(7)), torch.zeros(1, 5, 4, 2, 3)
    for begin in (0, 3):
        drawn = noise.draw(like.double(), begin, dim=1)
        assert drawn.dtype == torch.float64
        assert torch.equal(drawn, noise.draw(like, begin, dim=1).double())
