"""How well decoding and the model overlap: a model that only sleeps needs no processor, so both could run at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from diffusers import CogVideoXPipeline

from benchmarks.long_video.film import CONCEPTS, PROMPT
from benchmarks.record import row
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.explaining.explainer import Explainer

SHARES = 0.5, 1.0, 2.0
"""How long the model sleeps, over the time that reading the film takes alone."""


class SleepingModel:
    """Gives what the model gave for a window of the same length before, and sleeps instead of computing it.

    Attributes:
        seconds: that it sleeps for a window, half of them as the encoder and half as the transformer.
        windows: how many it was given.
    """

    def __init__(self) -> None:
        self.seconds, self.windows = 0.0, 0
        self._encoded: dict[int, Any] = {}
        self._read: dict[int, Any] = {}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let it take the place of the model in every `Explainer`."""
        encode, read = Explainer._encoded, Explainer._read

        def encoded(explainer: Explainer, window: Any) -> Any:
            self.windows += 1
            length = len(window.frames)
            if length not in self._encoded:
                self._encoded[length] = encode(explainer, window)
            time.sleep(self.seconds / 2)
            return self._encoded[length]

        def reading(explainer: Explainer, rows: Any) -> Any:
            latent_frames = rows[0]["latents"].shape[explainer.forward.time_dim]
            if latent_frames not in self._read:
                self._read[latent_frames] = read(explainer, rows)
            time.sleep(self.seconds / 2)
            return self._read[latent_frames]

        with ExitStack() as exits:
            exits.enter_context(mock.patch.object(Explainer, "_encoded", encoded))
            exits.enter_context(mock.patch.object(Explainer, "_read", reading))
            yield


def measure(video: Path, shape: str) -> Iterator[list[dict[str, object]]]:
    """Yield the rows: the film is read by a model that takes no time, then by some that sleep."""
    pipe = CogVideoXPipeline.from_pretrained(str(MODEL))
    model = SleepingModel()
    with model.in_place(), Explainer(pipe, PROMPT, list(CONCEPTS), **best_settings()) as explainer:

        def seconds_of(sleep: float) -> float:
            model.seconds, model.windows = sleep, 0
            began = time.perf_counter()
            explainer.explain(video)
            return time.perf_counter() - began

        seconds_of(0)  # what it gives is computed once
        alone, windows = seconds_of(0), model.windows
        yield [row("reading alone", shape, alone, "s"), row("windows", shape, windows, "windows")]
        for share in SHARES:
            wall, longer = seconds_of(share * alone / windows), max(share, 1) * alone
            yield [
                row(
                    f"sleeps {share:g} × as long as reading takes: wall time over the longer one",
                    shape,
                    wall / longer,
                    "ratio",
                ),
                row(
                    f"sleeps {share:g} × as long as reading takes: one after the other",
                    shape,
                    (1 + share) * alone / longer,
                    "ratio",
                ),
            ]
