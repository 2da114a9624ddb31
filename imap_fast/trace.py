"""`trace`: reads saliency maps out of a running pipeline, and leaves it as it was."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from imap_fast.accumulate import RunningMaps
from imap_fast.concepts import Concepts
from imap_fast.maps import CONTRASTED, SaliencyMaps
from imap_fast.models import adapter_for
from imap_fast.settings import Settings
from imap_fast.version import versions

if TYPE_CHECKING:
    from imap_fast.models.adapter import Adapter, Forward


def trace(
    target: object,
    concepts: Sequence[str] | Tensor | None,
    *,
    match: str = "concepts",
    layers: Iterable[int] | None = None,
    head_score: str = "chi",
    top_k: int = 5,
    motion_heads: Iterable[Iterable[int]] | None = None,
    steps: Iterable[int] | None = None,
    normalize: str = "none",
    maps: Iterable[str] = ("imap", "gramcol"),
    pooling: str = "first",
    guided: bool | None = None,
    backend: str = "auto",
    fast_attention: bool | None = None,
    attention_backend: str | None = None,
    labels: Sequence[str] | None = None,
    background: str | None = "background",
) -> Tracer:
    """Reads GramCol and IMAP saliency (CVPR 2026, arXiv 2603.02919) while a video diffusion transformer runs.

    ```python
    with imap_fast.trace(pipe, concepts=["alpaca", "running"]) as tracer:
        video = pipe("An alpaca runs on grass").frames[0]
    tracer.maps["running"]
    ```

    The model's own output is unchanged, to the bit with the stock arithmetic (`fast_attention`). Leaving the `with`,
    by an exception too, restores every processor and hook.

    Args:
        target: a supported diffusers pipeline, or its bare transformer.
        concepts: words to look for. Or their text embeddings, a tensor `[C, D]`: the only form for a bare transformer.
            With `match="prompt"` words of the prompt, or None for every text token. There a tensor names the concepts
            of the two baselines, while `imap` and `gramcol` follow every text token.
        match: whose text keys are matched: `"concepts"`, a stream of their own, or `"prompt"`, the prompt's tokens.
        layers: the transformer blocks read. None: the published ones of a known checkpoint, else the middle half.
        head_score: how motion heads are told: `"chi"`, `"fisher"`, `"dbi"` or `"silhouette"`.
        top_k: the number of motion heads in a layer that `imap` is the mean of; 3 were published for Wan 2.1 1.3B.
        motion_heads: those of each layer read, `[L, k]`, in place of the ones that `head_score` and `top_k` tell: drawn
            by chance, for comparison, or another video's `selected_heads`.
        steps: indices of the denoising steps read, from 0. None: all. For a bare transformer each forward is a step.
        normalize: `"softmax"` applies a softmax over the text keys to each layer's maps.
        maps: which maps to make, out of `"imap"`, `"gramcol"`, `"cross_attention"` and `"concept_attention"`.
        pooling: of a concept's tokens: the `"first"` one's embedding, or the `"mean"` of those before EOS.
        guided: whether a batch is (unconditional half, conditional half), of which only the second is read; False reads
            all of every forward. None: asked of the pipeline, be it guided by halves of a batch or by two passes; for
            a bare transformer, no.
        backend: `"auto"` (Triton on CUDA, else the reference), `"triton"` or `"reference"`. With `"auto"` the reference
            reads a model in fp64, and computes in fp64. Some steps of diffusers' blocks stay in fp32 there.
        fast_attention: whether CogVideoX's QK norm and RoPE run as one kernel, in every block, which is faster and
            rounds once; False keeps the stock arithmetic to the bit. None: on CUDA, with Triton, but not in fp64.
        attention_backend: the attention call, by diffusers' name for it, such as `"flash"`, `"_flash_3"`,
            `"_native_cudnn"` or `"sage"`. One that cannot run is left out with a warning. None: the model's own.
        labels: names for the rows of a tensor, or for every text token of a bare transformer.
        background: the concept added beside one that would stand alone; None adds none.

    Returns:
        A context manager whose `maps` are the `SaliencyMaps` of all that ran inside it.

    Raises:
        TypeError: an unsupported target, or concepts of the wrong kind.
        ValueError: anything else that is impossible, with the value and what is possible.
    """
    adapter = adapter_for(target)
    settings = Settings.checked(
        adapter,
        layers=layers,
        steps=steps,
        maps=maps,
        top_k=top_k,
        motion_heads=motion_heads,
        match=match,
        head_score=head_score,
        normalize=normalize,
        pooling=pooling,
        backend=backend,
        fast_attention=fast_attention,
        attention_backend=attention_backend,
    )
    asked = Concepts(concepts, match=match, labels=labels, background=background, adapter=adapter)
    return Tracer(adapter, settings, asked, guided)


class Tracer:
    """The context that `trace` opens. `maps` can be read as soon as a step has run, inside the `with` or after it."""

    def __init__(self, adapter: Adapter, settings: Settings, concepts: Concepts, guided: bool | None) -> None:
        self.adapter, self.settings, self.concepts, self.guided = adapter, settings, concepts, guided
        self._exits: ExitStack | None = None
        self._tap = None
        self._running: RunningMaps | None = None
        self._sizes: tuple[object, ...] = ()
        self._counts: dict[str, int] = {}
        self._prompt: str | list[str] | None = None
        self._prompt_due = True
        self._run_guided = False
        self._timestep: object = None
        self._step = 0
        self._steps_read: set[int] = set()

    def __enter__(self) -> Tracer:
        if self._exits is not None:
            raise RuntimeError("this trace was entered before; open a new one with imap_fast.trace(…)")
        adapter = self.adapter
        self.concepts.embed(adapter, self.settings.pooling)
        with ExitStack() as exits:
            exits.enter_context(adapter.chosen_attention(self.settings.attention_backend))
            self._tap = exits.enter_context(adapter.tapped(self.settings, self.concepts.embeddings, self._read_layer))
            for entry in adapter.entries:
                exits.callback(entry.register_forward_pre_hook(self._forward_begins, with_kwargs=True).remove)
                exits.callback(entry.register_forward_hook(self._forward_ends).remove)
            if adapter.pipeline is not None:
                exits.enter_context(listening_to(adapter.pipeline, "check_inputs", self._run_begins))
                exits.enter_context(listening_to(adapter.pipeline, "encode_prompt", self._prompt_encoded))
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exits.close()
        self._tap.read = None  # this tracer's own: in a circle, the maps would lie on the GPU until a collection

    @property
    def maps(self) -> SaliencyMaps:
        """The means over all layers and steps read so far, on the CPU.

        Raises:
            ValueError: no step was read. RuntimeError: a forward broke off half-way, so the sums are of unequal layers.
        """
        self._refuse_unfinished()
        if not self._steps_read:
            asked = "" if self.settings.steps is None else f" of the steps {list(self.settings.steps)} asked for"
            raise ValueError(f"nothing to show: none{asked} was reached; the model ran {self._step} forwards")
        running = self._running
        means = running.means()
        means = {name: self.concepts.named(means[name], count) for name, count in self._counts.items()}
        tensors = {**means, "head_scores": running.head_scores(), "selected_heads": running.selected_heads()}
        tensors = {name: (t[0] if running.videos == 1 else t).cpu() for name, t in tensors.items()}
        return SaliencyMaps(
            head_scores=tensors.pop("head_scores"),
            selected_heads=tensors.pop("selected_heads"),
            maps=tensors,
            labels=self.concepts.labels,
            baseline_labels=self.concepts.baseline_labels,
            layers=self.settings.layers,
            steps=tuple(sorted(self._steps_read)),
            settings=self._record(),
        )

    def forget(self) -> None:
        """Begins anew: `maps` are of what runs from now on, with the same concepts and prompt."""
        self._refuse_unfinished()
        self._running, self._steps_read, self._step = None, set(), 0

    def _run_begins(self, arguments: Mapping[str, object]) -> None:
        """A run checks its inputs once, before all else: the prompt encoded next is its own."""
        self._prompt_due = True

    def _prompt_encoded(self, arguments: Mapping[str, object]) -> None:
        """A pipeline encodes a prompt; a second one in a run is the negative prompt, which nobody asked about."""
        if not self._prompt_due:
            return
        self._prompt_due, self._step, self._prompt = False, 0, arguments["prompt"]
        self._run_guided = self.adapter.guides_in_batch and arguments["do_classifier_free_guidance"]
        if self.settings.match == "prompt":
            self.concepts.read_prompt(self._prompt, lambda prompt: self.adapter.read_prompt(prompt, arguments))

    # Bookkeeping in Python: compiled, it would be compiled anew at every step.
    @torch.compiler.disable
    def _forward_begins(self, entry, args: tuple, kwargs: dict) -> None:
        """Pre-hook of a transformer: decides whether this forward is read, and which rows of its batch."""
        self._refuse_unfinished()
        self._prompt_due = True
        if self._is_unconditional_pass():
            return
        step, self._step = self._step, self._step + 1
        if self.settings.steps is not None:
            scheduled = self.adapter.scheduled_steps()
            if scheduled is not None and self.settings.steps[-1] >= scheduled:
                raise ValueError(
                    f"step {self.settings.steps[-1]} is outside the schedule of {scheduled} steps, 0 to {scheduled - 1}"
                )
            if step not in self.settings.steps:
                return
        forward = self.adapter.forward_of(entry, args, kwargs)
        guided = self._run_guided if self.guided is None else self.guided
        if guided and forward.batch % 2:
            raise ValueError(f"guided=True, but a batch of {forward.batch} has no two halves; pass guided=False")
        videos = slice(forward.batch // 2 if guided else 0, forward.batch)
        self._prepare_sums(forward, forward.batch - videos.start)
        self._steps_read.add(step)
        self._tap.begin(videos, forward)

    def _is_unconditional_pass(self) -> bool:
        """Whether guidance runs as two passes and this is the second one.

        Every pipeline sets `current_timestep` anew at each step; where a step takes two passes, the conditional one
        comes first.
        """
        if self.guided is not None:
            return False
        before, self._timestep = self._timestep, getattr(self.adapter.pipeline, "current_timestep", None)
        return self._timestep is not None and self._timestep is before

    @torch.compiler.disable
    def _forward_ends(self, transformer, args: tuple, output: object) -> None:
        """Hook of the transformer: a forward that was read is whole."""
        if self._tap.videos is not None:
            self._running.steps += 1
            self._tap.end()

    def _refuse_unfinished(self) -> None:
        if self._tap is not None and self._tap.videos is not None:
            raise RuntimeError(
                "the last forward broke off before its end, so the maps would be wrong; open a new trace"
            )

    def _prepare_sums(self, forward: Forward, videos: int) -> None:
        """Opens the running maps at the first forward read; later ones must be of the same size."""
        text_keys = len(forward.multiplicity)
        sizes = (videos, forward.grid, text_keys)
        if self._running is not None:
            if self._sizes != sizes:
                raise ValueError(
                    "a trace reads videos of one size, and one prompt: it began with {} of {} latent frames and "
                    "patches and {} text keys, and now met {} of {} and {}; open a new trace".format(
                        *self._sizes, *sizes
                    )
                )
            return
        num_text, num_concepts = self.concepts.map_counts(forward.text_length)
        self._sizes = sizes
        self._counts = {name: num_text if name in CONTRASTED else num_concepts for name in self.settings.maps}
        settings = self.settings
        self._running = RunningMaps(
            maps=settings.maps,
            num_text=min(num_text, text_keys),
            num_concepts=min(num_concepts, text_keys),
            videos=videos,
            grid=forward.grid,
            layers=settings.layers,
            heads=self.adapter.num_heads,
            head_score=settings.head_score,
            top_k=settings.top_k,
            given_heads=settings.motion_heads,
            normalize=settings.normalize,
            backend=settings.backend,
            device=forward.multiplicity.device,
        )

    def _read_layer(self, *layer: object) -> None:
        self._running.add_layer(*layer)

    def _record(self) -> dict[str, object]:
        """How the maps were made, as JSON holds it."""
        told_elsewhere = ("layers", "steps", "maps")
        return {
            "model": self.adapter.name,
            "prompt": self._prompt,
            **{name: value for name, value in asdict(self.settings).items() if name not in told_elsewhere},
            "temporal_compression": self.adapter.temporal_compression,
            "patch_size_t": self.adapter.patch_size[0],
            "versions": versions(),
        }


@contextmanager
def listening_to(pipeline: object, method: str, hear: Callable[[Mapping[str, object]], None]) -> Iterator[None]:
    """Tells `hear` of each call of a pipeline's method, by the names of its arguments, before it runs."""
    stock, shadowed = getattr(pipeline, method), vars(pipeline).get(method)
    signature = inspect.signature(stock)

    @functools.wraps(stock)
    def heard(*args: object, **kwargs: object) -> object:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        hear(call.arguments)
        return stock(*args, **kwargs)

    setattr(pipeline, method, heard)
    try:
        yield
    finally:
        delattr(pipeline, method)
        if shadowed is not None:
            setattr(pipeline, method, shadowed)
