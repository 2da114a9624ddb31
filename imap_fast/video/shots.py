"""placeholder until the detector lands"""

from collections.abc import Iterable, Iterator

import numpy as np


def find_shots(frames: Iterable[tuple[np.ndarray, float]]) -> Iterator[tuple[tuple[np.ndarray, float], bool]]:
    for number, frame in enumerate(frames):
        yield frame, number == 0
