"""One run of a pipeline inside a trace."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

Seed = int | None


@dataclass
class Run:
    """What a trace knows of one run of the pipeline, or of the forward passes of a bare transformer.

    Attributes:
        prompt: what the pipeline encoded. None if it was given embeddings.
        seed: of the generator of each video. None if it is unknown.
        passes: the number of conditional forward passes that began.
        scheduled: the number of steps in its schedule, known from the first pass on. None for a bare transformer.
        steps_read: the steps that were read, as indices into the schedule.
        has_other_prompt: whether another prompt was encoded after the first pass.
    """

    prompt: str | list[str] | None = None
    seed: Seed | list[Seed] = None
    passes: int = 0
    scheduled: int | None = None
    steps_read: list[int] = field(default_factory=list)
    has_other_prompt: bool = False

    def has_read(self, steps: tuple[int, ...] | None) -> bool:
        """Whether all of these steps were read; None is all steps of the schedule."""
        due = range(self.scheduled or 0) if steps is None else steps
        return self.steps_read == list(due)

    def record(self) -> dict[str, object]:
        """Prompt and seed, as JSON values."""
        return {"prompt": self.prompt, "seed": self.seed}


def seed_of(generator: torch.Generator | list[torch.Generator] | None) -> Seed | list[Seed]:
    """The seed with which a generator will give the same values again. None if it has already given some."""
    if isinstance(generator, (list, tuple)):
        return [_seed_of(each) for each in generator]
    return None if generator is None else _seed_of(generator)


def _seed_of(generator: torch.Generator) -> Seed:
    seed = generator.initial_seed()
    fresh = torch.Generator(generator.device).manual_seed(seed)
    return seed if torch.equal(fresh.get_state(), generator.get_state()) else None
