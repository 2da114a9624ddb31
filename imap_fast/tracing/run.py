"""One run of a pipeline inside a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Seed = int | None

TEXT_CHANGED = (
    "the text embeddings were changed within a run, so the maps would be of two prompts; run each one by itself (if "
    "guidance runs as two passes, trace the pipeline that runs, with guided=None)"
)


@dataclass
class Run:
    """What a trace knows of one run of the pipeline, or of the forward passes of a bare transformer.

    Attributes:
        is_of_pipeline: whether the pipeline runs itself. Otherwise, its user calls the transformer.
        prompt: what the pipeline encoded. None if it was given embeddings.
        seed: of the generator of each video. None if it is unknown.
        passes: the number of conditional forward passes that began.
        scheduled: the number of steps in its schedule, known from the first pass on. None if it is not of the pipeline.
        steps_read: the steps that were read, as indices into the schedule.
        sections: the steps that were read in each section of the video that ended. Most runs make one section.
        has_other_prompt: whether another prompt was encoded, which may be the one of the next pass.
        timesteps: of the steps read, each as the transformer got it.
        text: the text embeddings that the pipeline passes, and how often they had been changed in place.
        text_copy: of the text embeddings at the first pass. Of a loop of the user, at the first pass that is read.
        text_changed: on the device, whether a pass had other values. PyTorch does not count every change in place.
    """

    is_of_pipeline: bool = False
    prompt: str | list[str] | None = None
    seed: Seed | list[Seed] = None
    passes: int = 0
    scheduled: int | None = None
    steps_read: list[int] = field(default_factory=list)
    sections: list[list[int]] = field(default_factory=list)
    has_other_prompt: bool = False
    timesteps: list[Tensor] = field(default_factory=list)
    text: tuple[Tensor, int] | None = None
    text_copy: Tensor | None = None
    text_changed: Tensor | None = None

    @property
    def all_steps(self) -> list[int]:
        """The steps that were read, in all sections of the video."""
        return [step for steps in (*self.sections, self.steps_read) for step in steps]

    def has_read(self, steps: tuple[int, ...] | None) -> bool:
        """Whether all of these steps were read; None is all steps of the schedule."""
        due = range(self.scheduled or 0) if steps is None else steps
        return self.steps_read == list(due)

    def begin_section(self) -> None:
        """Begin the next section of the video, which has a loop over all steps of its own."""
        self.sections.append(self.steps_read)
        self.passes, self.steps_read, self.timesteps = 0, [], []

    def refuse_unlike_sections(self, *, is_over: bool) -> None:
        """Raise RuntimeError if a section has other steps than the first one. The last may lack some while it runs."""
        if not self.sections:
            return
        first, *others = self.sections
        whole = [*others, self.steps_read] if is_over else others
        if any(steps != first for steps in whole) or not self.steps_read:
            counts = [len(steps) for steps in (*self.sections, self.steps_read)]
            raise RuntimeError(
                f"the sections of the video have {counts} steps that were read, so the maps would be of a part of it; "
                "let the run go to its end"
            )

    def begin_pass(self, text: Tensor, scheduled: int | None) -> int:
        """Count a conditional pass, and return its step.

        Args:
            text: its text embeddings.
            scheduled: the number of steps in the schedule of the pipeline.

        Raises:
            RuntimeError: the text is not that of the passes before it, or the run is already complete.
        """
        step, self.passes = self.passes, self.passes + 1
        if self.has_other_prompt:
            raise RuntimeError(
                "another prompt was encoded, which may be that of this forward pass; call tracer.reset(), and encode "
                "one prompt after it"
            )
        if self.is_of_pipeline:
            self.scheduled = scheduled
            version = 0 if text.is_inference() else text._version
            if self.text is None:
                self.text = text, version
            if self.text[0] is not text or self.text[1] != version:
                raise RuntimeError(TEXT_CHANGED)
            self._compare(text)
            if scheduled is not None and step >= scheduled:
                raise RuntimeError(f"a run of {scheduled} steps goes on after its last one; trace one run at a time")
        return step

    def read_pass(self, step: int, text: Tensor, timestep: Tensor) -> None:
        """Record a pass that is read.

        Args:
            step: from `begin_pass`.
            text: its text embeddings. In a loop of the user, each pass may get another copy of them.
            timestep: as the transformer got it.

        Raises:
            RuntimeError: the text is not that of the passes read before it.
        """
        self.steps_read.append(step)
        self.timesteps.append(timestep)
        if not self.is_of_pipeline:
            self._compare(text)

    def _compare(self, text: Tensor) -> None:
        """Compare the text with that of the first pass, without waiting for the device."""
        if self.text_copy is None:
            self.text_copy = text.detach().clone()
        if text.shape != self.text_copy.shape:
            raise RuntimeError(TEXT_CHANGED)
        changed = (text != self.text_copy).any()
        self.text_changed = changed if self.text_changed is None else self.text_changed | changed

    def refuse_changed_text(self) -> None:
        """Raise RuntimeError if a pass had other text embeddings than the first one. It waits for the device."""
        if self.text_changed is not None and self.text_changed:
            raise RuntimeError(TEXT_CHANGED)

    def record(self) -> dict[str, object]:
        """Prompt and seed, as JSON values."""
        return {"prompt": self.prompt, "seed": self.seed}


def refuse_unlike_runs(runs: Sequence[Run], steps: tuple[int, ...] | None) -> None:
    """Raise RuntimeError if the last run stopped on its way, or read other steps or noise levels than run 1."""
    first, run = runs[0], runs[-1]
    if not run.has_read(steps) or (run.steps_read, run.scheduled) != (first.steps_read, first.scheduled):
        raise RuntimeError(
            f"a mean of runs needs all steps of each run, but run {len(runs)} has read {len(run.steps_read)} "
            f"of {run.scheduled} and run 1 {len(first.steps_read)} of {first.scheduled}; open a new trace"
        )
    for step, now, before in zip(run.steps_read, run.timesteps, first.timesteps, strict=True):
        if now.max() != before.max():
            raise RuntimeError(
                f"a mean of runs needs the same noise levels, but step {step} has the timestep {now.max():g} in "
                f"run {len(runs)} and {before.max():g} in run 1; open a new trace"
            )


def seed_of(generator: torch.Generator | list[torch.Generator] | None) -> Seed | list[Seed]:
    """The seed with which a generator will give the same values again. None if it has already given some."""
    if isinstance(generator, (list, tuple)):
        return [_seed_of(each) for each in generator]
    return None if generator is None else _seed_of(generator)


def _seed_of(generator: torch.Generator) -> Seed:
    seed = generator.initial_seed()
    fresh = torch.Generator(generator.device).manual_seed(seed)
    return seed if torch.equal(fresh.get_state(), generator.get_state()) else None
