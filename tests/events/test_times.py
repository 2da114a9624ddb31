"""From latent frames to frames and seconds."""

import numpy as np
import pytest
import torch

from imap_fast.events.clock import Clock, clock_of
from imap_fast.events.intervals import frame_edges, runs
from imap_fast.upsampling.latent_time import LatentTime


def test_runs_are_the_longest_ones():
    assert runs(np.array([True, True, False, True])) == [slice(0, 2), slice(3, 4)]
    assert runs(np.zeros(3, bool)) == []
    assert runs(np.ones(3, bool)) == [slice(0, 3)]


def test_an_interval_begins_halfway_between_two_latent_frames():
    """Latent 0 is frame 0, latent 1 is frames 1 to 4, latent 2 is frames 5 to 8."""
    times = LatentTime(4, 1).frame_times(4, 13).tolist()
    assert times == [0, 2.5, 6.5, 10.5]
    assert frame_edges(times, 13, [(0, 0)]) == [0, 2, 5, 9, 13]


def test_a_shot_begins_at_its_cut():
    assert frame_edges([0, 2.5, 6.5, 10, 12.5], 15, [(0, 0), (3, 10)]) == [0, 2, 5, 10, 12, 15]


def test_frames_of_a_generated_video_are_evenly_spaced():
    clock = clock_of(LatentTime(4, 1), None, {}, 8)
    assert [clock.at(frame) for frame in (0, 3, 49)] == [0, 0.375, 6.125]
    assert clock_of(LatentTime(4, 1), None, {}) is None


def read(fps=8.0, **more):
    return {"num_frames": 13, "fps": fps, **more}


def test_frames_of_a_file_have_its_times():
    """Of a stretch from 80 s on, at a rate that changes after frame 4."""
    seconds = 80 + np.concatenate([np.arange(5) / 8, 0.5 + np.arange(1, 9) / 4])
    means = torch.tensor([seconds[0], seconds[1:5].mean(), seconds[5:9].mean(), seconds[9:13].mean()])
    shots = [{"first_frame": 0, "num_frames": 13, "seconds": 80.0}]
    clock = clock_of(LatentTime(4, 1), means.double(), read(shots=shots))
    assert clock.at(0) == 80
    assert clock.at(2) == pytest.approx(80.25)
    assert clock.at(9) == pytest.approx(seconds[9])
    assert clock.at(13) == pytest.approx(seconds[12] + 0.25)


def test_a_frame_at_a_cut_has_the_time_of_its_shot():
    clock = Clock(8, ((0, 1.0), (10, 5.0)), [0, 2.5, 6.5, 10, 12.5], [1.0, 1.3125, 1.8125, 5.0, 5.3125])
    assert clock.at(9) == pytest.approx(1.8125 + 2.5 / 8)  # four frames last half a second
    assert clock.at(10) == 5
    assert clock.at(14) == pytest.approx(5.5)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), "8", True])
def test_what_is_no_rate_is_refused(fps):
    with pytest.raises(ValueError, match="is no rate"):
        clock_of(LatentTime(4, 1), None, {}, fps)


def test_a_file_keeps_its_own_rate():
    with pytest.raises(ValueError, match="fps=8 is for generated videos"):
        clock_of(LatentTime(4, 1), None, read(), 8)
    assert clock_of(LatentTime(4, 1), None, read(fps=None)) is None
    assert clock_of(LatentTime(4, 1), None, read(start=2.0)).at(4) == 2.5


def test_the_end_of_a_video_is_as_slow_as_what_comes_before_it():
    """20 frames a second, and 2 from frame 20 on. An event that lasts to the end ends after its last frame."""
    seconds = [number / 20 for number in range(20)] + [1 + number / 2 for number in range(9)]
    latents = [range(0, 1), *(range(begin, begin + 4) for begin in range(1, 29, 4))]
    frames = [sum(each) / len(each) for each in latents]
    means = [sum(seconds[number] for number in each) / len(each) for each in latents]
    clock = Clock(29 / 5, ((0, 0.0),), frames, means)
    assert clock.at(28) == pytest.approx(seconds[28])
    assert clock.at(29) == pytest.approx(seconds[28] + 0.5)


def test_no_shot_lasts_into_the_next_one():
    clock = Clock(8, ((0, 0.0), (9, 1.0)), [0.0, 2.5, 6.5, 9.0], [0.0, 0.1, 0.9, 1.0])
    assert clock.at(8) == 1.0
    assert clock.at(9) == 1.0


def test_a_shot_of_one_latent_frame_goes_on_at_the_rate_of_the_video():
    clock = Clock(8, ((0, 0.0), (1, 2.0)), [0.0, 1.0], [0.0, 2.0])
    assert clock.at(3) == pytest.approx(2.25)
