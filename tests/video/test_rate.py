"""Which frames a lower rate takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_fast.video import Clip, VideoFile
from imap_fast.video.picture import ArrayPicture, TimedPicture
from imap_fast.video.rate import TIE, at_rate, check_fps, passed_rate
from imap_fast.video.write import write_timed_mp4

NOTHING = ArrayPicture(np.empty((0, 0, 3), np.uint8))


def taken(seconds: list[float], rate: float | None) -> list[int]:
    pictures = [TimedPicture(NOTHING, at) for at in seconds]
    found = list(at_rate(iter(pictures), rate))
    assert [timed for timed, _ in found] == pictures
    return [number for number, (_, is_taken) in enumerate(found) if is_taken]


@pytest.mark.parametrize(
    ("fps", "rate", "expected"),
    [
        (24, 8, [0, 3, 6, 9, 12, 15, 18, 21]),
        (25, 8, [0, 3, 6, 9, 12, 16, 19, 22]),
        (30, 8, [0, 4, 7, 11, 15, 19, 22, 26]),
        (30000 / 1001, 8, [0, 4, 7, 11, 15, 19, 22, 26]),
        (24, 16, [0, 1, 3, 4, 6, 7, 9, 10]),  # of two that are equally near, the earlier one
        (60, 24, [0, 2, 5, 7, 10, 12, 15, 17]),
        (24, None, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
@pytest.mark.parametrize("begin", [0, 3599.875, 1 / 3])
def test_the_frames_nearest_to_the_ticks_are_taken(fps, rate, expected, begin) -> None:
    assert taken([begin + number / fps for number in range(3 * 24)], rate)[: len(expected)] == expected


@given(st.lists(st.floats(0.001, 2), max_size=40), st.floats(0.5, 60))
def test_a_frame_is_taken_where_no_other_is_nearer_to_a_tick(pauses: list[float], rate: float) -> None:
    seconds = [0.0, *np.cumsum(pauses).tolist()]
    found = taken(seconds, rate)
    # Beyond the last frame there are no ticks but those that are nearer to it than half the pause before it.
    end = seconds[-1] + (seconds[-1] - seconds[-2]) / 2 if pauses else 0.0
    nearest = set()
    for tick in np.arange(0, end + 2 * TIE, 1 / rate):
        distances = np.abs(np.array(seconds) - tick)
        order = np.argsort(distances, kind="stable")
        if len(order) > 1 and distances[order[1]] - distances[order[0]] <= 4 * TIE:
            nearest |= {("either", *sorted(order[:2].tolist()))}
        elif abs(tick - end) > 2 * TIE:
            nearest.add(int(order[0]))
    sure = {number for number in nearest if isinstance(number, int)}
    unsure = {number for pair in nearest - sure for number in pair[1:]} | {len(seconds) - 1}
    assert sure <= {*found} <= sure | unsure
    assert found[0] == 0


def test_a_gap_takes_no_frame_twice_and_a_burst_not_all() -> None:
    seconds = [number / 24 for number in range(24)] + [10 + number / 240 for number in range(240)]
    assert taken(seconds, 8) == [0, 3, 6, 9, 12, 15, 18, 21, 23, *range(24, 24 + 240, 30)]


@pytest.mark.parametrize(
    ("fps", "of_video", "of_model", "expected"),
    [
        ("all", 60, 8, None),
        ("model", 24, 8, 8),
        ("model", 12, 8, None),  # not more than 1.5 times as many
        ("model", 24.003, 16, None),
        ("model", 25, 16, 16),
        ("model", 12.5, 8, 8),
        ("model", 8, 24, None),
        (10.0, 12, 8, 10),
        (30.0, 24, 8, None),  # there are no more than all
        (24.0, 24, 8, None),
    ],
)
def test_the_rate_that_passes(fps, of_video, of_model, expected) -> None:
    assert passed_rate(fps, of_video, of_model) == expected


def test_a_rate_is_a_word_or_a_number() -> None:
    assert [check_fps(fps) for fps in ("model", "all", 8, 12.5, np.float32(8))] == ["model", "all", 8.0, 12.5, 8.0]
    for wrong in ("none", 0, -3, 1e-4, 10**400, float("nan"), float("inf"), "8"):
        with pytest.raises(ValueError, match=r"is no rate; give 'model', 'all', or 0\.001 to 1000000 frames"):
            check_fps(wrong)
    for wrong in (None, True, [8]):
        with pytest.raises(TypeError, match="is no rate; give 'model', 'all', or frames per second"):
            check_fps(wrong)


def test_of_a_file_of_variable_rate_the_frames_nearest_in_time_are_taken(tmp_path) -> None:
    frames = np.zeros((60, 32, 48, 3), np.uint8)
    seconds = np.concatenate([np.arange(30) / 30, 1 + np.arange(30) / 15])
    write_timed_mp4(tmp_path / "variable.mp4", zip(frames, seconds, strict=True), 20)
    found = [
        timed.seconds for timed, is_taken in at_rate(VideoFile(tmp_path / "variable.mp4").pictures(), 5) if is_taken
    ]
    assert found == pytest.approx([0.2 * tick for tick in range(15)], abs=1e-3)
    clip = [timed.seconds for timed, is_taken in at_rate(Clip(frames, 30).pictures(), 5) if is_taken]
    assert clip == pytest.approx([0.2 * tick for tick in range(10)])
