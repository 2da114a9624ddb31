"""Guidance: which forward passes, and which videos of a batch, are conditional. Only these are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imap_fast.models.adapter import Adapter


class Guidance:
    """Follows the classifier-free guidance of a run, which takes one of two forms.

    In one pass, the first half of the batch is unconditional. In two passes, the second one is.

    Args:
        adapter: of the model.
        guided: as in `trace`. If given, no pass is left out.
    """

    def __init__(self, adapter: Adapter, guided: bool | None) -> None:
        self._adapter, self._given = adapter, guided
        self._run_guided = False
        self._timestep: object = None
        self._passes_of_timestep = 0

    def run_begins(self, arguments: Mapping[str, Any]) -> None:
        """Record from the arguments of `encode_prompt` whether this run guides by the halves of its batch."""
        self._run_guided = self._adapter.guides_in_batch and arguments["do_classifier_free_guidance"]

    def is_unconditional_pass(self) -> bool:
        """Whether this pass is the second one of its step. Call it once per pass.

        Every pipeline sets `current_timestep` at each step. If a step has two passes, the conditional one is first.

        Raises:
            RuntimeError: the pass is not part of a run of the pipeline, so it cannot be known.
        """
        if self._given is not None or self._adapter.pipeline is None:
            return False
        before, self._timestep = self._timestep, getattr(self._adapter.pipeline, "current_timestep", None)
        self._passes_of_timestep = self._passes_of_timestep + 1 if self._timestep is before else 1
        # A run that stopped leaves its timestep behind.
        if self._timestep is None or self._passes_of_timestep > (1 if self._adapter.guides_in_batch else 2):
            raise RuntimeError(
                "this forward pass is not part of a run of the traced pipeline; trace the pipeline that runs, or pass "
                "guided=True (a batch of an unconditional and a conditional half) or guided=False"
            )
        return self._passes_of_timestep == 2

    def conditional_videos(self, batch: int, *, of_pipeline: bool) -> slice:
        """The videos of a batch that are conditional.

        Args:
            batch: the number of videos in it.
            of_pipeline: whether the pipeline runs itself, so it is known whether this run guides.

        Raises:
            ValueError: a guided batch has no two halves.
        """
        if self._given and of_pipeline and not self._run_guided:
            raise ValueError("guided=True, but this run does not guide by the halves of its batch; pass guided=None")
        guided = self._run_guided if self._given is None else self._given
        if guided and batch % 2:
            raise ValueError(f"guided=True, but a batch of {batch} has no two halves; pass guided=False")
        return slice(batch // 2 if guided else 0, batch)
