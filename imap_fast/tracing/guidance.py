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
        self._videos: int | None = None  # None: unknown
        self._step: object = None
        self._passes_of_step = 0

    def run_begins(self, arguments: Mapping[str, Any]) -> None:
        """Record from the arguments of `encode_prompt` how many videos this run makes, and whether it guides them."""
        adapter, prompt = self._adapter, arguments["prompt"]
        self._step, self._passes_of_step = None, 0
        self._run_guided = adapter.guides_in_batch and arguments["do_classifier_free_guidance"]
        given = arguments.get("prompt_embeds") if prompt is None else prompt
        prompts = 1 if isinstance(given, str) else 0 if given is None else len(given)
        # EasyAnimate calls its videos images.
        each = arguments.get("num_videos_per_prompt", arguments.get("num_images_per_prompt", 0))
        self._videos = prompts * each or None

    def is_conditional_pass(self, arguments: Mapping[str, Any], *, of_pipeline: bool) -> bool:
        """Whether this pass is the first one of its step. Call it once per pass.

        Most pipelines show the `current_timestep`. Of others, the scheduler counts the steps, or each pass is one.

        Args:
            arguments: of the call of the transformer, by name.
            of_pipeline: whether the pipeline runs itself.

        Raises:
            RuntimeError: the pass is not part of a run of the pipeline, so it cannot be known.
        """
        if self._given is not None or self._adapter.pipeline is None:
            return True
        before, self._step = self._step, self._step_of(arguments, of_pipeline=of_pipeline)
        is_same = self._step is before or (isinstance(before, int) and self._step == before)
        self._passes_of_step = self._passes_of_step + 1 if is_same else 1
        most = (1 if self._adapter.guides_in_batch else 2) + self._adapter.further_passes
        # A run that stopped leaves its timestep behind.
        if self._step is None or self._passes_of_step > most:
            raise RuntimeError(
                "this forward pass is not part of a run of the traced pipeline; trace the pipeline that runs, or pass "
                "guided=True (a batch of an unconditional and a conditional half) or guided=False"
            )
        return self._passes_of_step == 1

    def _step_of(self, arguments: Mapping[str, Any], *, of_pipeline: bool) -> object:
        """What all passes of a step have, and no other ones. None outside of a run."""
        pipeline = self._adapter.pipeline
        if hasattr(type(pipeline), "current_timestep"):
            return getattr(pipeline, "current_timestep", None)  # without it before the first run
        if not of_pipeline:
            return None
        index = getattr(pipeline.scheduler, "step_index", arguments["timestep"])
        return -1 if index is None else index  # before the first step

    def conditional_videos(self, batch: int, *, of_pipeline: bool) -> slice:
        """The videos of a batch that are conditional.

        Args:
            batch: the number of videos in it.
            of_pipeline: whether the pipeline runs itself, so it is known whether this run guides.

        Raises:
            ValueError: a guided batch has no two halves, or the batch has other rows than the run makes videos.
        """
        videos = self._videos if of_pipeline else None
        has_halves = self._run_guided if videos is None else batch == 2 * videos
        if self._given and of_pipeline and not has_halves:
            raise ValueError("guided=True, but this run does not guide by the halves of its batch; pass guided=None")
        guided = self._run_guided if self._given is None else self._given
        if guided and batch % 2:
            raise ValueError(f"guided=True, but a batch of {batch} has no two halves; pass guided=False")
        if videos is not None and batch != videos * (2 if guided else 1):
            raise ValueError(
                f"{type(self._adapter.pipeline).__name__} passes a batch of {batch} for {videos} videos, and it is not "
                "known which are conditional; make one video in a run, or pass guided=True if the second half is"
            )
        return slice(batch // 2 if guided else 0, batch)
