"""The detectors that are compared: each gives the frames at which shots begin, without the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from importlib.util import find_spec
from itertools import pairwise

import av
import numpy as np

from benchmarks.shots.films import Frames
from imap_fast.video.shots import find_shots

Detector = Callable[[Frames, int], Sequence[int]]

SHORTEST = 6
"""Frames of the shortest shot for PySceneDetect, whose own default, 15, finds no montage."""
SCDET_THRESHOLD = 10
"""The default of FFmpeg."""


def ours(frames: Frames, fps: int) -> list[int]:
    """`imap_fast.video.shots`."""
    timed = ((frame, number / fps) for number, frame in enumerate(frames))
    return [number for number, (_, begins) in enumerate(find_shots(timed)) if begins][1:]


def scdet(frames: Frames, fps: int) -> list[int]:
    """The filter `scdet` of FFmpeg, by its score of each frame: the difference of its difference to the one before."""
    graph = av.filter.Graph()
    height, width = frames[0].shape[:2]
    source = graph.add_buffer(width=width, height=height, format="rgb24", time_base=Fraction(1, fps))
    steps = [source, graph.add("scdet", f"threshold={SCDET_THRESHOLD}"), graph.add("buffersink")]
    for one, other in pairwise(steps):
        one.link_to(other)
    graph.configure()
    found = []
    for number, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = number, Fraction(1, fps)
        graph.push(picture)
        if float(graph.pull().metadata["lavfi.scd.score"]) >= SCDET_THRESHOLD:
            found.append(number)
    return [number for number in found if number]


def adaptive(frames: Frames, fps: int) -> list[int]:
    """`AdaptiveDetector` of PySceneDetect, with its own threshold."""
    from scenedetect.detectors import AdaptiveDetector

    return _scenedetect(frames, fps, AdaptiveDetector(min_scene_len=SHORTEST))


def content(frames: Frames, fps: int) -> list[int]:
    """`ContentDetector` of PySceneDetect, with its own threshold."""
    from scenedetect.detectors import ContentDetector

    return _scenedetect(frames, fps, ContentDetector(min_scene_len=SHORTEST))


def adaptive_and_fades(frames: Frames, fps: int) -> list[int]:
    """`AdaptiveDetector` and `ThresholdDetector` of PySceneDetect."""
    from scenedetect.detectors import ThresholdDetector

    fades = _scenedetect(frames, fps, ThresholdDetector(min_scene_len=SHORTEST))
    return sorted({*adaptive(frames, fps), *fades})


def _scenedetect(frames: Frames, fps: int, detector) -> list[int]:
    from scenedetect.common import FrameTimecode

    found = []
    for number, frame in enumerate(frames):
        found += detector.process_frame(FrameTimecode(number, float(fps)), np.ascontiguousarray(frame[..., ::-1]))
    found += detector.post_process(FrameTimecode(len(frames) - 1, float(fps)))
    return [time.frame_num for time in found if time.frame_num]


DETECTORS: dict[str, Detector] = {"imap-fast": ours, "FFmpeg scdet": scdet}
if find_spec("scenedetect"):
    DETECTORS |= {
        "PySceneDetect adaptive": adaptive,
        "PySceneDetect adaptive + fades": adaptive_and_fades,
        "PySceneDetect content": content,
    }
