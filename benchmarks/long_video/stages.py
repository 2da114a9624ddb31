"""Where the time of a run goes, by functions that are wrapped from outside. `imap_fast` itself measures nothing."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from benchmarks.clock import synchronized_clock

DECODED = "imap_fast.video.picture:DecodedPicture"
MAPS = {
    "imap_fast.video.decode:VideoFile.pictures": "decode",
    f"{DECODED}.resized": "scale",
    f"{DECODED}.small": "shots",
    "imap_fast.video.shots:find_shots": "shots",
    "imap_fast.explaining.shot_windows:ShotWindows.split": "windows",
    "imap_fast.explaining.explainer:Explainer._encoded": "encode",
    "imap_fast.explaining.explainer:Explainer._read": "pass",
    "imap_fast.explaining.checkpoint:Checkpoint.append": "write",
    "imap_fast.explaining.checkpoint:Checkpoint.commit": "write",
    "imap_fast.ahead:mapped": "wait",
    "imap_fast.explaining.explainer:Explainer._batches": "wait",
}
"""The functions of each stage of `explain`. `"wait"`: a thread waits for what others make."""

OVERLAY = {
    "imap_fast.video.decode:VideoFile.pictures": "decode",
    f"{DECODED}.resized": "scale",
    "imap_fast.render.heatmap:apply_scales": "draw",
    "imap_fast.render.heatmap:pale": "draw",
    "imap_fast.render.heatmap:overlay_heat": "draw",
    "imap_fast.video.write:write_timed_mp4": "write",
    "imap_fast.render.overlay:panel_frames": "wait",
}
"""The functions of each stage of `save_overlay`."""

OF_FRAMES = "decode", "scale", "shots", "windows", "wait"
"""What a thread does before the model, or until it gets what others do before it."""

ON_DEVICE = "encode", "pass"
"""The stages whose work a GPU may still do when their function returns."""


class _Thread:
    """What one thread does: the stages that it is in, and the seconds of each, without those of a stage within it.

    `first` and `last` are the times at which it began and ended to make windows.
    """

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.seconds: Counter[str] = Counter()
        self.first = self.last = self.since = 0.0

    def enter(self, stage: str) -> None:
        self._count(time.perf_counter())
        self.stack.append(stage)
        if stage == "windows":
            self.first = self.first or self.since

    def leave(self) -> None:
        self._count(synchronized_clock() if self.stack[-1] in ON_DEVICE else time.perf_counter())
        if self.stack.pop() == "windows":
            self.last = self.since

    def _count(self, now: float) -> None:
        if self.stack:
            self.seconds[self.stack[-1]] += now - self.since
        self.since = now


class Stages:
    """The seconds of the stages of a run, summed over its threads, which run at the same time.

    A stage within another one is not counted twice: the detector of shots asks for a frame, which is decoded meanwhile.
    """

    def __init__(self) -> None:
        self._threads: dict[int, _Thread] = defaultdict(_Thread)

    @property
    def seconds(self) -> dict[str, float]:
        """Of each stage, summed over threads."""
        return dict(sum((thread.seconds for thread in self._threads.values()), Counter()))

    @property
    def frames_waited(self) -> float:
        """Seconds in which a window was ready, and the model had not taken it."""
        return sum(
            thread.last - thread.first - sum(thread.seconds[stage] for stage in OF_FRAMES)
            for thread in self._threads.values()
            if "windows" in thread.seconds
        )

    @property
    def model_waited(self) -> float:
        """Seconds in which the thread of the model waited for a window."""
        return sum(
            sum(thread.seconds[stage] for stage in OF_FRAMES)
            for thread in self._threads.values()
            if "pass" in thread.seconds
        )

    @contextmanager
    def watching(self, functions: Mapping[str, str]) -> Iterator[None]:
        """Count the stages of these functions, given as `"module:function"` or `"module:Class.method"`."""
        with ExitStack() as exits:
            for name, stage in functions.items():
                for owner, attribute, function in places_of(name):
                    exits.enter_context(mock.patch.object(owner, attribute, self._watched(function, stage)))
            yield

    def _watched(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """The function with its time counted. Of a generator, that until each value."""

        @functools.wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            with self._in(stage):
                return function(*arguments, **named)

        @functools.wraps(function)
        def generate(*arguments: Any, **named: Any) -> Iterator[Any]:
            values = function(*arguments, **named)
            while True:
                with self._in(stage):
                    value = next(values, self)
                if value is self:
                    return
                yield value

        return generate if inspect.isgeneratorfunction(function) else call

    @contextmanager
    def _in(self, stage: str) -> Iterator[None]:
        thread = self._threads[threading.get_ident()]
        thread.enter(stage)
        try:
            yield
        finally:
            thread.leave()


def places_of(name: str) -> list[tuple[Any, str, Callable[..., Any]]]:
    """Each object that holds a function under its name, with the name and the function.

    A method has its class. A function has every module that imported it.

    Raises:
        AttributeError: there is no such function.
    """
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    function = getattr(owner, attribute)
    if classes:
        return [(owner, attribute, function)]
    holders = [held for held in list(sys.modules.values()) if vars(held).get(attribute) is function]
    return [(holder, attribute, function) for holder in holders]
