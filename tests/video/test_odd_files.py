"""Odd files: every frame is read, in the order of showing, at times that ascend. Gaps are where frames are lost."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from imap_fast.video import VideoFile
from imap_fast.video.write import write_timed_mp4
from tests.video.damaged_files import DAMAGED_FILES, ENDLESS_FILES, TRUNCATED_FILES
from tests.video.odd_clocks import EVEN, FPS, FRAMES, HOUR, number_of
from tests.video.odd_files import ODD_FILES, OddFile

pytestmark = pytest.mark.slow  # all of them together

WITHIN = 2e-3
"""Seconds by which a time may be rounded."""

REORDERED = 4 / FPS
"""Seconds by which a frame of a clock that is not sound may be elsewhere, near frames that are lost."""

LONGEST = 12 * HOUR
"""Seconds of the longest pause that .mp4 has to keep."""


def read(video: VideoFile) -> tuple[list[int], list[float]]:
    """The numbers and the times of the frames."""
    frames = [(number_of(frame), time) for frame, time in video.timed_frames()]
    return [number for number, _ in frames], [time for _, time in frames]


def ascends(times: list[float]) -> bool:
    return all(before < after for before, after in pairwise(times))


@pytest.fixture(scope="module", params=ODD_FILES)
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, OddFile]]:
    """Each odd file in turn, and what is in it."""
    path = tmp_path_factory.mktemp("odd") / request.param
    ODD_FILES[request.param].write(path)
    return path, ODD_FILES[request.param]


def test_an_odd_file_is_read(odd: tuple[Path, OddFile]) -> None:
    path, expected = odd
    video = VideoFile(path)
    numbers, times = read(video)
    assert numbers == list(expected.numbers)
    assert ascends(times)
    if expected.seconds is not None:
        assert times == pytest.approx(list(expected.seconds), abs=expected.within)
    time_of = dict(zip(numbers, times, strict=True)) | {None: None}
    assert video.gaps == [(time_of[before] or 0.0, time_of[after]) for before, after in expected.gaps]


def test_an_odd_file_knows_about_how_many_frames_it_has(odd: tuple[Path, OddFile]) -> None:
    path, expected = odd
    if expected.gaps:
        pytest.skip("it may count the frames that it lacks")
    assert VideoFile(path).expected_frames in (None, pytest.approx(len(expected.numbers), rel=0.1))


def test_a_stretch_of_an_odd_file_is_a_part_of_it(odd: tuple[Path, OddFile]) -> None:
    numbers, times = read(VideoFile(odd[0]))
    begin = len(times) // 2
    for start in sorted({*range(0, len(times), 6), begin, len(times) - 1}):
        assert read(VideoFile(odd[0], times[start])) == (numbers[start:], times[start:])
        if (end := start + 5) < len(times):
            assert read(VideoFile(odd[0], times[start], times[end])) == (numbers[start:end], times[start:end])
    if begin > 0:
        assert read(VideoFile(odd[0], None, times[begin])) == (numbers[:begin], times[:begin])


def test_an_odd_file_is_written_as_it_was_read(odd: tuple[Path, OddFile], tmp_path: Path) -> None:
    video = VideoFile(odd[0])
    frames = list(video.timed_frames())
    if len({frame.shape for frame, _ in frames}) > 1:
        pytest.skip("its frames have two sizes, and an .mp4 has one")
    write_timed_mp4(tmp_path / "copy.mp4", frames, video.fps)
    copy = VideoFile(tmp_path / "copy.mp4")
    numbers, times = read(copy)
    assert numbers == [number_of(frame) for frame, _ in frames]
    assert copy.gaps == []
    steps, kept = np.diff([time for _, time in frames]), np.diff(times)
    is_long = steps > LONGEST
    assert kept[~is_long] == pytest.approx(steps[~is_long], abs=WITHIN)
    assert (kept[is_long] >= LONGEST).all()


@pytest.mark.parametrize("name", DAMAGED_FILES)
def test_lost_frames_are_named(name: str, tmp_path: Path) -> None:
    damaged = DAMAGED_FILES[name]
    damaged.write(tmp_path / name)
    video = VideoFile(tmp_path / name)
    numbers, times = read(video)
    first, stop = damaged.lost.start, damaged.lost.stop
    behind = len(numbers) - (FRAMES - stop)
    assert numbers[:first] == list(range(first))
    assert numbers[behind:] == list(range(stop, FRAMES))
    assert ascends(times)
    slack = WITHIN if damaged.is_timed else REORDERED
    if damaged.is_timed:
        assert times[:first] == pytest.approx(EVEN[:first], abs=WITHIN)
        assert times[behind:] == pytest.approx(EVEN[stop:], abs=WITHIN)
    assert video.gaps
    for begin, end in video.gaps:
        assert begin >= times[first - 1] - slack
        assert stop == FRAMES if end is None else end <= [*times, times[-1]][behind] + slack


@pytest.mark.parametrize("name", TRUNCATED_FILES)
def test_a_missing_end_of_an_odd_file_is_named(name: str, tmp_path: Path) -> None:
    times, gaps = read_beginning(TRUNCATED_FILES[name], tmp_path / name)
    assert gaps[-1:] == [(times[-1], None)]


@pytest.mark.parametrize("name", ENDLESS_FILES)
def test_the_beginning_of_an_odd_file_is_read(name: str, tmp_path: Path) -> None:
    times, gaps = read_beginning(ENDLESS_FILES[name], tmp_path / name)
    assert all(begin >= times[-4] for begin, _ in gaps)


def read_beginning(write: Callable[[Path], None], path: Path) -> tuple[list[float], list]:
    """Read a file without its end: the times of its frames, and its gaps."""
    write(path)
    video = VideoFile(path)
    numbers, times = read(video)
    assert 4 < len(numbers) < FRAMES
    assert numbers[:-4] == list(range(len(numbers) - 4))  # without B frames near the end
    assert ascends(times)
    return times, video.gaps
