"""In which window of a long video a region is found, and in which of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from imap_fast.explaining.carried_regions import find_windows, latents_in
from imap_fast.explaining.shot_windows import Window
from imap_fast.tracing.regions import Region
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video.times import TOLERANCE

TIME = LatentTime(4, 1)
LESS = TOLERANCE / 2


def window(shot: str, begin: int, *numbers: int) -> Window:
    """At 8 frames per second."""
    return Window(shot, begin, [SimpleNamespace(number=n, seconds=n / 8) for n in numbers], numbers[-1])


VIDEO = [window("A", 0, *range(5)), window("A", 1, *range(4, 9)), window("B", 0, *range(9, 14))]


def find(*seconds: float, video: list[Window] = VIDEO) -> list[tuple[int, int, int]]:
    """The number of the window of each region, its frame there, and the first latent frame of the shot."""
    regions = [Region(f"{each}", each, (1, 1, 1, 1)) for each in seconds]
    places = {id(each): place for place, each in enumerate(video)}
    return [(places[id(found.window)], found.frame, found.first_latent) for found in find_windows(regions, video, TIME)]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, (0, 0, 0)),
        (0.5, (0, 4, 0)),  # the second window has this frame, too
        (0.6, (0, 4, 0)),
        (0.625 - LESS, (1, 1, 0)),
        (1.0, (1, 4, 0)),
        (1.125, (2, 0, 3)),
        (1.75 + LESS, (2, 4, 3)),
    ],
)
def test_the_first_window_with_the_last_frame_until_then(seconds: float, expected: tuple) -> None:
    assert find(seconds) == [expected]


def test_regions_keep_their_order() -> None:
    assert find(1.5, 0.0, 0.7) == [(2, 3, 3), (0, 0, 0), (1, 1, 0)]


def test_what_is_not_read_is_told() -> None:
    with pytest.raises(
        ValueError, match=r"at 1\.76 s, after the last frame that is read, which is shown until 1\.75 s"
    ):
        find(0.0, 1.76)
    assert find(1.0 - LESS, video=[window("A", 0, 8, 9)]) == [(0, 0, 0)]
    with pytest.raises(ValueError, match=r"at 0\.9 s, before the first frame that is read, at 1 s"):
        find(1.2, 0.9, video=[window("A", 0, 8, 9)])


def test_a_frame_that_is_repeated_is_shown_once() -> None:
    video = [window("A", 0, 0, 1, 1, 1, 1)]
    assert find(0.25, video=video) == [(0, 4, 0)]
    with pytest.raises(ValueError, match=r"shown until 0\.25 s"):
        find(0.26, video=video)
    assert find(0.0, video=[window("A", 0, 0)]) == [(0, 0, 0)]


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 1), (0.45, 1), (0.5, 2)])
def test_no_more_windows_are_read_than_are_needed(seconds: float, count: int) -> None:
    read = []

    def windows() -> Iterator[Window]:
        for each in VIDEO:
            read.append(each)
            yield each

    find_windows([Region("a", seconds, (1, 1, 1, 1)), Region("b", 0.0, (1, 1, 1, 1))], windows(), TIME)
    assert len(read) == count


@pytest.mark.parametrize(("frames", "patch", "expected"), [(1, 1, 1), (9, 1, 3), (5, 2, 1), (9, 2, 2), (81, 2, 11)])
def test_latent_frames_of_a_window(frames: int, patch: int, expected: int) -> None:
    assert latents_in(window("A", 0, *range(frames)), LatentTime(4, patch)) == expected
