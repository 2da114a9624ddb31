"""`trace`: reads saliency maps from a running pipeline, and restores the pipeline afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from imap_fast.maps.kinds import refuse_missing_maps
from imap_fast.maps.names import CONTRASTED, MAP_NAMES, REGION_MAPS, TEXT_ATTENTION
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.registry import adapter_for
from imap_fast.text.concepts import Concepts
from imap_fast.text.words import BACKGROUND
from imap_fast.tracing.kept_stores import check_folder
from imap_fast.tracing.regions import check_regions
from imap_fast.tracing.settings import Settings
from imap_fast.tracing.tracer import Tracer

"""The maps that are made if none are named."""


def trace(
    target: Any,
    concepts: Sequence[str] | Tensor | None = None,
    *,
    motions: Sequence[str] | None = None,
    match: str = "concepts",
    surrogates: str = "argmax",
    layers: Iterable[int] | None = None,
    head_score: str = "chi",
    top_k: int = 5,
    motion_heads: Iterable[Iterable[int]] | None = None,
    steps: Iterable[int] | None = None,
    normalize: str = "none",
    maps: Iterable[str] | None = None,
    pooling: str = "first",
    runs: str = "last",
    guided: bool | None = None,
    backend: str = "auto",
    fast_attention: bool | None = None,
    attention_backend: str | None = None,
    labels: Sequence[str] | None = None,
    background: str | None = BACKGROUND,
    keep: Iterable[str] = (),
    heads: Iterable[tuple[int, int]] = (),
    regions: Mapping[str, Any] | None = None,
    on_step: Callable[[int, SaliencyMaps], object] | None = None,
    folder: str | os.PathLike | None = None,
) -> Tracer:
    """Read GramCol and IMAP saliency maps (CVPR 2026, arXiv 2603.02919) while a video diffusion transformer runs.

    ```python
    with imap_fast.trace(pipe, concepts=["alpaca"], motions=["running"]) as tracer:
        video = pipe("An alpaca runs on grass").frames[0]
    tracer.maps["running"]
    ```

    The maps are of one run of the pipeline, the last one, with all of its steps that ran. `settings["runs"]` names the
    prompt and the seed of each run that they hold.

    The output of the model is unchanged: bit for bit with the stock arithmetic (see `fast_attention`). At the end of
    the `with`, also after an exception, every processor and hook is restored.

    Args:
        target: a supported diffusers pipeline, or its bare transformer.
        concepts: words to look for, or their text embeddings, a tensor `[C, D]`. A bare transformer requires a tensor.
            Words are embedded once, when the `with` begins.
            With `match="prompt"`: words of the prompt, or None for every text token. A tensor then gives the concepts
            of the two baselines, while `imap` and `gramcol` follow every text token.
        motions: words of motions to look for beside the concepts, which are then things. Labels are the concepts, then
            the motions, then the background. If no map is named, a motion is shown by its `imap` and every other label
            by its `gramcol`, so both maps must be made. With concepts=None, the motions alone are looked for. None: the
            default map shows every label.
        match: whose text keys are matched: `"concepts"`, a stream of their own, or `"prompt"`, those of the prompt.
        surrogates: what represents a concept among the visual tokens, for `imap` and `gramcol`: `"argmax"`, the patch
            of each frame that matches it best, as published; or the mean of all patches of each `"frame"`, or of the
            `"clip"`, weighted by how well they match (docs/method.md, "Soft surrogates").
        layers: the transformer blocks to read. None: the published ones of a known checkpoint, or the middle half.
        head_score: the separation score that chooses motion heads: `"chi"`, `"fisher"`, `"dbi"` or `"silhouette"`.
        top_k: the number of motion heads in a layer, over which `imap` is the mean. Published: 5; 3 for Wan 2.1 1.3B.
        motion_heads: motion heads of each of `layers`, in their order, `[L, k]`, in place of `head_score` and `top_k`.
            For example random heads for comparison, or the `selected_heads` of another video.
        steps: indices of the denoising steps to read, from 0. None: all. For a bare transformer, each forward pass is a
            step.
        normalize: `"softmax"` applies a softmax over the text keys to the maps of each layer.
        maps: the maps to make, from `"imap"`, `"gramcol"`, `"cross_attention"` and `"concept_attention"`; of regions
            `"region_cosine"`, `"region_gram"`, `"region_qk_cosine"` and `"region_qk"`; and
            `"text_attention"`, how much concepts attend to each other. None: `"imap"` and `"gramcol"` of concepts, and
            `"region_cosine"` of regions.
        pooling: what represents a concept of several tokens: the embedding of the `"first"` token, or the `"mean"` of
            the tokens before EOS.
        runs: which runs of the pipeline inside the `with` the maps are of: the `"last"`, or the `"mean"` of all. For a
            mean, every run must end, and all must read the same steps of videos of the same size. The forward passes of
            a bare transformer are one run, until `reset` is called.
        guided: whether a batch is (unconditional half, conditional half), of which only the second half is read. False
            reads every row of every forward pass, and is refused in a run whose guidance takes two passes. None:
            determined from the pipeline, which may guide by halves of a batch or by two passes; False for a bare
            transformer.
        backend: `"auto"` (Triton on CUDA, the reference otherwise), `"triton"` or `"reference"`. With `"auto"`, the
            reference reads a model in fp64, and computes in fp64. Some steps of the blocks of diffusers stay in fp32.
        fast_attention: whether one kernel computes QK norm and RoPE of CogVideoX in every block. It is faster, and
            rounds once. False keeps the stock arithmetic to the bit. None: True on CUDA with Triton, except in fp64.
        attention_backend: attention backend by its name in diffusers, such as `"flash"`, `"_flash_3"`,
            `"_native_cudnn"` or `"sage"`. One that cannot run is ignored with a warning. None: the model's own.
        labels: names for the rows of a tensor, or for every text token of a bare transformer.
        background: the concept that is added to a single one. None adds none.
        keep: which single maps are kept beside their mean: `"layers"`, `"steps"`, or both, and then those of each layer
            in each step. They leave the device as they are finished, and no step waits for them. The result has them as
            `by_layer`, `by_step` and `by_layer_and_step`. What they take of memory is logged before it is taken.
        heads: single heads to make maps of, pairs of a layer and a head, such as `[(12, 3), (12, 7)]`. The map of a
            head is its contrast alone. The result has it as `by_head`.
        regions: marked parts of a frame by name, beside concepts or alone: a point `(seconds, x, y)`, a box `(seconds,
            left, top, right, bottom)`, or a mask `(seconds, mask)`, a bool array `[height, width]` or a PNG that is
            black outside. Pixels are those of the video, from the top left; of a bare transformer they are patches. The
            map of a region says how alike all patches of all frames are to it (docs/follow.md).
        on_step: called after each step that is read, with the step and the maps of all steps so far. Making them waits
            for the device. An exception of it stops the pipeline.
        folder: where the maps of steps are kept on disk, `kept.<map>.npy`, `[S, L, V, C, F, H, W]`, in place of memory.
            The result reads them from there, in part. It needs `"steps"` in `keep`, and holds the maps of one run.

    Returns:
        A context manager. Its `maps` are the `SaliencyMaps` of what ran inside it. If several forward passes were read,
        the maps also have an `agreement` and a `spread` over them (docs/method.md, "How sure a map is"). There is an
        error in place of maps if a forward pass skips a block or stops on its way, or if a value is not finite.

    Raises:
        TypeError: an unsupported target, concepts of the wrong type, or `on_step` that cannot be called.
        ValueError: any other impossible value. The error names the value and what is possible.
    """
    if not (guided is None or isinstance(guided, bool)):
        raise ValueError(f"guided={guided!r} is not possible; give True, False or None")
    if on_step is not None and not callable(on_step):
        raise TypeError(f"on_step={on_step!r} cannot be called; give a function of a step and maps")
    if on_step is not None and runs != "last":
        raise ValueError(f"on_step gets the maps of one run; omit it, or runs={runs!r}")
    adapter = adapter_for(target)
    marked = check_regions(regions)
    if marked and concepts is None and not motions and match == "concepts":
        maps = _of_regions_alone(maps)
    elif maps is None:
        maps = CONTRASTED
    settings = Settings.checked(
        adapter,
        layers=layers,
        steps=steps,
        maps=maps,
        top_k=top_k,
        motion_heads=motion_heads,
        match=match,
        surrogates=surrogates,
        head_score=head_score,
        normalize=normalize,
        pooling=pooling,
        runs=runs,
        backend=backend,
        fast_attention=fast_attention,
        attention_backend=attention_backend,
        keep=keep,
        heads=heads,
        has_regions=bool(marked),
    )
    if (concepts is not None or motions) and not set(settings.maps) & set(MAP_NAMES):
        raise ValueError(f"no map of concepts is made, only {', '.join(settings.maps)}; add gramcol, or omit concepts")
    names = [region.label for region in marked]
    words = Concepts(
        concepts, motions=motions, match=match, labels=labels, background=background, model=adapter, regions=names
    )
    refuse_missing_maps(words.motions, settings.maps)
    place = None if folder is None else _folder(folder, settings)
    return Tracer(adapter, settings, words, guided, marked, on_step, place)


def _folder(folder: str | os.PathLike, settings: Settings) -> Path:
    """A folder for kept steps, which is created.

    Raises:
        ValueError: no steps are kept, or those of several runs, or it holds some already, or it cannot be written.
    """
    if "steps" not in settings.keep:
        raise ValueError(f"folder={str(folder)!r} is for the maps of steps; add 'steps' to keep, or omit folder")
    if settings.runs != "last":
        raise ValueError(f"folder={str(folder)!r} holds the maps of one run; omit it, or runs={settings.runs!r}")
    check_folder(Path(folder))
    return Path(folder)


def _of_regions_alone(maps: Iterable[str] | None) -> Iterable[str]:
    """The maps of a trace that looks for no concepts.

    Raises:
        ValueError: a map of concepts is named.
    """
    if maps is None:
        return (REGION_MAPS[0],)
    maps = (maps,) if isinstance(maps, str) or not isinstance(maps, Iterable) else tuple(maps)
    of_concepts = [name for name in maps if name in (*MAP_NAMES, TEXT_ATTENTION)]
    if of_concepts:
        raise ValueError(f"{of_concepts[0]} is a map of concepts, and none are named; name some, or omit it")
    return maps
