"""`Tracer`: follows the runs of a pipeline, and decides which forward passes are read."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from imap_fast.maps.names import CONTRASTED, REGION_MAPS, TEXT_ATTENTION
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.adapter import Adapter
from imap_fast.models.dropout import refuse_dropout
from imap_fast.models.forward import Forward
from imap_fast.models.model_hooks import refuse_later_hooks
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.tap import UNCOPIED, Tap
from imap_fast.models.weight_state import WeightState
from imap_fast.text.concepts import Concepts
from imap_fast.tracing.cut_prompt import warn_of_cut_prompt
from imap_fast.tracing.guidance import Guidance
from imap_fast.tracing.keeping import keep_maps
from imap_fast.tracing.not_finite import NotFiniteError
from imap_fast.tracing.pipeline_calls import observed_calls
from imap_fast.tracing.readout import Readout
from imap_fast.tracing.record import trace_record
from imap_fast.tracing.region_reader import RegionReader
from imap_fast.tracing.region_tokens import region_tokens
from imap_fast.tracing.regions import Region
from imap_fast.tracing.results import saliency_maps
from imap_fast.tracing.run import Run, refuse_unlike_runs, seed_of
from imap_fast.tracing.running_maps import RunningMaps
from imap_fast.tracing.sections import Sections, refuse_in_sections
from imap_fast.tracing.settings import Settings


class Tracer:
    """The context manager that `trace` returns.

    Args:
        adapter: of the model.
        settings: how the model is read.
        concepts: what to look for.
        guided: as in `trace`.
        regions: what is marked.
        on_step: as in `trace`.
        folder: as in `trace`.

    Attributes:
        regions: reads them. None: there are none.
        marks_regions: whether regions are marked in the clip that passes. `explain` marks them itself, in windows.
    """

    def __init__(
        self,
        adapter: Adapter,
        settings: Settings,
        concepts: Concepts,
        guided: bool | None,
        regions: Sequence[Region] = (),
        on_step: Callable[[int, SaliencyMaps], object] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.adapter, self.settings, self.concepts = adapter, settings, concepts
        self._on_step, self._folder = on_step, folder
        self.regions = RegionReader(regions, settings.maps, settings.backend) if regions else None
        self.marks_regions = True
        self._guidance = Guidance(adapter, guided)
        self._exits = ExitStack()
        self._tap: Tap | None = None
        self._running: RunningMaps | None = None
        self._sections = Sections()
        self._sizes: tuple[object, ...] = ()
        self._counts: dict[str, int] = {}
        self._runs = [Run()]
        self._text_parts: list[tuple[Any, WeightState]] = []
        self._hooks: dict[nn.Module, RemovableHandle] = {}
        self._prompt_due, self._run_due = True, False
        self._inputs: Mapping[str, Any] = {}

    def __enter__(self) -> Tracer:
        if self._tap is not None:
            raise RuntimeError("this trace was already used; open a new one with imap_fast.trace(…)")
        adapter = self.adapter
        refuse_dropout(adapter.parts)
        self.concepts.embed(adapter, self.settings.pooling)
        if self.settings.match == "concepts" and self.concepts.words is not None:
            self._text_parts = [(part, WeightState.of(part)) for part in adapter.text_parts]
        with ExitStack() as exits:
            exits.enter_context(adapter.chosen_attention(self.settings.attention_backend))
            self._tap = exits.enter_context(adapter.tapped(self.settings, self.concepts.embeddings, self._read_layer))
            for entry in adapter.entries:
                self._hooks[entry] = entry.register_forward_pre_hook(self._forward_begins, with_kwargs=True)
                exits.callback(self._hooks[entry].remove)
                exits.callback(entry.register_forward_hook(self._forward_ends).remove)
            if adapter.pipeline is not None:
                exits.enter_context(observed_calls(adapter.pipeline, "check_inputs", self._run_begins))
                exits.enter_context(observed_calls(adapter.pipeline, "encode_prompt", self._prompt_encoded))
                for method in adapter.draws_first:
                    exits.enter_context(observed_calls(adapter.pipeline, method, self._generator_used))
                exits.enter_context(observed_calls(adapter.pipeline, "prepare_latents", self._latents_prepared))
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exits.close()
        self.tap.close()  # breaks a reference cycle, which would keep the maps on the GPU until a collection

    def __deepcopy__(self, memo: dict[int, Any]) -> Tracer:
        raise RuntimeError(UNCOPIED)

    @property
    def tap(self) -> Tap:
        """What the tapped blocks share.

        Raises:
            RuntimeError: the `with` was never entered.
        """
        if self._tap is None:
            raise RuntimeError("this trace is not open; use it in a `with`")
        return self._tap

    @property
    def _run(self) -> Run:
        """The run that began last."""
        return self._runs[-1]

    @property
    def running_maps(self) -> RunningMaps:
        """The sums so far.

        Raises:
            ValueError: no step was read.
        """
        if self._running is None:
            wanted = "" if self.settings.steps is None else f" of the steps {list(self.settings.steps)}"
            raise ValueError(
                f"nothing to show: none{wanted} was reached in {self._run.passes} forward passes; run the pipeline "
                "inside the `with`, or name steps that it reaches"
            )
        return self._running

    @property
    def maps(self) -> SaliencyMaps:
        """The means over all layers and steps read so far, on the CPU. Available as soon as a step has run.

        Raises:
            ValueError: no step was read, or a value is not finite.
            RuntimeError: a forward pass, or a run of several, stopped half-way: there are no maps of equal parts.
        """
        self._refuse_unfinished()
        if len(self._runs) > 1 and self._run.passes:
            refuse_unlike_runs(self._runs, self.settings.steps)
        self._run.refuse_unlike_sections(is_over=not self._is_running or self.tap.is_closed)
        readout = self._sections.joined(self._readout(), self.settings.head_score)
        for run in self._runs:
            run.refuse_changed_text()
        if self._run.is_of_pipeline and self._run.passes < (self._run.scheduled or 0):
            self.adapter.refuse_other_transformers()
        steps = sorted({step for run in self._runs for step in run.all_steps})
        return saliency_maps(readout, self.concepts, self.settings, steps, self._record(readout.repeats))

    def _readout(self) -> Readout:
        """The values of the running maps.

        Raises:
            NotFiniteError: a value that was read is not finite.
        """
        if (first := self.running_maps.first_not_finite()) is not None:
            passes = [step for run in self._runs for step in run.steps_read]
            raise NotFiniteError(layer=first[0], step=passes[first[1]])
        return Readout.of(self.running_maps, self.concepts, self._counts, self.settings)

    def reset(self) -> None:
        """Discard what was read, also of a forward pass that stopped before its end.

        `maps` are then of what runs from now on, with the same concepts, and with the same prompt until another one is
        encoded. A run of the pipeline goes on with the number of its next step.
        """
        run = self._run
        if self.adapter.makes_sections and run.is_of_pipeline and self._is_running and self.tap.videos is None:
            raise RuntimeError(
                "a video of sections is read in one run, so reset() would leave a part out; call it after"
            )
        if run.is_of_pipeline and run.passes < (run.scheduled or 0):
            self._restart(replace(run, steps_read=[]))
        else:
            self._restart(Run(prompt=run.prompt))
            self._prompt_due = True

    def _restart(self, run: Run) -> None:
        self.tap.discard()
        self._running, self._sections, self._runs = None, Sections(), [run]

    def _run_begins(self, arguments: Mapping[str, Any]) -> None:
        """Observer of `check_inputs`, which a run calls once and first. If it refuses them, there is no new run."""
        self._prompt_due = self._run_due = True
        self._inputs = arguments

    def _begin_run(self) -> None:
        """Begin the run whose inputs were checked: anew, or beside the whole runs before it."""
        if not self._run_due:
            return
        self.adapter.begin_run(self._inputs)
        self._inputs = {}  # images and embeddings are not kept alive
        refuse_dropout(self.adapter.parts)
        for now, (before, state) in zip(self.adapter.text_parts, self._text_parts, strict=False):
            if now is not None and (now is not before or WeightState.of(now).has_changed_since(state)):
                raise RuntimeError(
                    "the text encoder or the tokenizer was replaced or changed inside the `with`, where the concepts "
                    "are already embedded; open a new trace"
                )
        run = Run(is_of_pipeline=True)
        if self.settings.runs == "last":
            self._restart(run)
        else:
            self._refuse_unfinished()
            if self._run.passes:
                refuse_unlike_runs(self._runs, self.settings.steps)
                self._runs.append(run)
            else:  # it ended before its first pass
                self._runs[-1] = run
        self._run_due = False

    def _generator_used(self, arguments: Mapping[str, Any]) -> None:
        """Observer of the methods that draw from the generator. The first one is given it before anything is drawn."""
        self._begin_run()
        if self._run.seed is None and self._run.passes == 0 and arguments.get("latents") is None:
            self._run.seed = seed_of(arguments.get("generator"))

    def _latents_prepared(self, arguments: Mapping[str, Any]) -> None:
        """Observer of `prepare_latents`, with which a run begins, and each section of it."""
        if self.adapter.makes_sections and self._run.passes and not self._run_due:
            self._begin_section()
        self._generator_used(arguments)
        self.adapter.latents_prepared(arguments)

    def _begin_section(self) -> None:
        """Keep the maps of the section of the video that ended. The next one has sums of its own."""
        refuse_in_sections(self.settings, has_regions=self.regions is not None)
        if self._running is not None:
            self._sections.end(self._readout())
            self._running = None
        self._run.begin_section()

    def _prompt_encoded(self, arguments: Mapping[str, Any]) -> None:
        """Observer of `encode_prompt`. A second call in a run encodes the negative prompt, which is not read."""
        run, prompt = self._run, self.adapter.prompt_of(arguments)
        if not self._prompt_due:
            is_negative = run.is_of_pipeline and run.passes == 0
            if is_negative or prompt == run.prompt:
                return
            if run.passes == 0 and self.settings.match == "concepts":
                run.prompt = None  # one of several, and it is not known which
            else:
                run.has_other_prompt = True
            return
        self._begin_run()
        self._prompt_due, self._run.prompt = False, copy.copy(prompt)  # a list may change
        self._guidance.run_begins(arguments)
        if self.settings.match == "prompt":
            if len(self._runs) > 1 and (self._run.prompt is None or self._run.prompt != self._runs[0].prompt):
                raise ValueError('a mean of runs with match="prompt" needs the same prompt, as text, in each of them')
            self.concepts.read_prompt(self._run.prompt, lambda prompt: self.adapter.read_prompt(prompt, arguments))
        if self.settings.match == "prompt" or self.concepts.words is not None:
            warn_of_cut_prompt(self.adapter, arguments)

    # Python bookkeeping, which torch.compile would recompile at every step.
    @torch.compiler.disable
    def _forward_begins(self, entry, args: tuple, kwargs: dict) -> None:
        """Forward pre-hook of a transformer: decide whether this pass is read, and which rows of its batch."""
        self._refuse_unfinished()
        refuse_later_hooks(entry, self._hooks[entry].id)
        if self._run_due or (self._run.is_of_pipeline and self._prompt_due):
            raise RuntimeError("this run did not call the encode_prompt of its pipeline; set methods before the trace")
        self._prompt_due = False
        self.adapter.tap_again(entry)
        run, steps = self._run, self.settings.steps
        arguments = self.adapter.arguments_of(args, kwargs)
        if not self._guidance.is_conditional_pass(arguments, of_pipeline=run.is_of_pipeline):
            return
        text = arguments["encoder_hidden_states"]
        step = run.begin_pass(text, self.adapter.scheduled_steps())
        if steps is not None:
            if run.scheduled is not None and steps[-1] >= run.scheduled:
                raise ValueError(
                    f"step {steps[-1]} is outside the schedule of {run.scheduled} steps; give 0 to {run.scheduled - 1}"
                )
            if step not in steps:
                return
        forward = self.adapter.forward_of(entry, arguments)
        videos = self._guidance.conditional_videos(forward.batch, of_pipeline=run.is_of_pipeline)
        self._prepare_sums(forward, forward.batch - videos.start)
        self.running_maps.begin_pass(len(run.steps_read))
        run.read_pass(step, text, arguments["timestep"])
        self.tap.begin(videos, forward)

    @torch.compiler.disable
    def _forward_ends(self, transformer, args: tuple, output: object) -> None:
        """Forward hook of the transformer: a pass that is read is complete."""
        if self.tap.videos is not None:
            self.tap.end()
            self.running_maps.end_pass()
            # The steps of a run follow from one another: where there may be several runs, each of them is a repeat.
            if not self._repeats_are_runs or self._run.has_read(self.settings.steps):
                self.running_maps.end_repeat()
            if self._on_step is not None:
                self._on_step(self._run.steps_read[-1], self.maps)

    @property
    def _is_running(self) -> bool:
        """Whether a run of the pipeline is at one of its steps. One that was stopped by an error stays there."""
        return getattr(self.adapter.pipeline, "current_timestep", None) is not None

    @property
    def _repeats_are_runs(self) -> bool:
        return self.settings.runs == "mean" and self._run.is_of_pipeline

    def _refuse_unfinished(self) -> None:
        if self._tap is not None and self._tap.videos is not None:
            raise RuntimeError(
                "the last forward pass stopped before its end, so the maps would be wrong; run the pipeline again, or "
                "call tracer.reset()"
            )

    def _prepare_sums(self, forward: Forward, videos: int) -> None:
        """Create the running maps at the first pass that is read. Later passes must have the same size."""
        text_keys = len(forward.multiplicity)
        sizes = (videos, forward.grid, text_keys)
        if self._running is not None:
            if self._sizes != sizes:
                raise ValueError(
                    "a trace reads videos of one size, and one prompt: it began with {} of {} latent frames and "
                    "patches and {} text keys, and now got {} of {} and {}; open a new trace".format(
                        *self._sizes, *sizes
                    )
                )
            return
        num_text, num_concepts = self.concepts.map_counts(forward.text_length)
        self._sizes = sizes
        self._sections.comes_before = forward.comes_before
        counts = dict.fromkeys(CONTRASTED, num_text) | dict.fromkeys(
            REGION_MAPS, len(self.regions.regions) if self.regions else 0
        )
        self._counts = {name: counts.get(name, num_concepts) for name in (*self.settings.maps, TEXT_ATTENTION)}
        settings, device = self.settings, forward.multiplicity.device
        if self.regions is not None and self.marks_regions:
            frame_rate = self.adapter.frame_rate_of(forward.arguments)
            tokens = region_tokens(self.adapter, self.regions.regions, forward.grid, frame_rate)
            self.regions.latent_frames = [of[0] // math.prod(forward.grid[1:]) for of in tokens]
            self.regions.mark(tokens, device)
        self._running = RunningMaps(
            maps=settings.maps,
            num_text=min(num_text, text_keys),
            num_concepts=min(num_concepts, text_keys),
            tokens=self.concepts.tokens,
            videos=videos,
            grid=forward.grid,
            layers=settings.layers,
            surrogates=settings.surrogates,
            heads=self.adapter.num_heads,
            head_score=settings.head_score,
            top_k=settings.top_k,
            given_heads=settings.motion_heads,
            single_heads=settings.heads,
            normalize=settings.normalize,
            backend=settings.backend,
            device=device,
            regions=self.regions,
        )
        if settings.keep:
            rows, scheduled = (num_text, num_concepts), self._run.scheduled
            keep_maps(
                self._running, settings, self.concepts, self._counts, rows, scheduled=scheduled, folder=self._folder
            )

    def _read_layer(self, read: ReadLayer) -> None:
        self.running_maps.add_layer(read)

    def _record(self, repeats: int) -> dict[str, Any]:
        """The settings of the maps, as JSON values."""
        regions = None
        if self.regions is not None:  # their latent frames are of these maps, and not of a video of several windows
            regions = self.regions.record() if self.marks_regions else self.regions.identity()
        return trace_record(
            self.adapter,
            self.settings,
            self.concepts,
            [run for run in self._runs if run.steps_read],
            repeats={"of": "runs" if self._repeats_are_runs else "steps", "count": repeats},
            regions=regions,
        )
