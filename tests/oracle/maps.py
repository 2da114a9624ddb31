"""The maps of a forward pass of a stock transformer, from what its attention calls take and return."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tests.architecture import Architecture, Grid
from tests.oracle.equations import layer_maps
from tests.oracle.recorded import Call, recorded


class Rows(NamedTuple):
    """q and o of the visual tokens of one video, `[A, N, d]`, and κ and the output of its text rows, `[A, T, d]`."""

    query: Tensor
    output: Tensor
    text_key: Tensor
    text_output: Tensor | None


class Block(NamedTuple):
    """A block of a stock transformer, the arguments of its forward pass by name, and its attention calls."""

    module: nn.Module
    arguments: dict[str, Any]
    calls: list[Call]

    @property
    def visual(self) -> int:
        """The number of visual rows, those of references too."""
        return self.arguments["hidden_states"].shape[1]


def oracle_maps(
    architecture: Architecture,
    transformer: Any,
    inputs: dict[str, Any],
    *,
    grid: Grid,
    concepts: Tensor | None = None,
    layers: Sequence[int],
    top_k: int,
    video: int = 0,
) -> dict[str, Tensor]:
    """Mean maps `[T, F, H, W]` over the layers, `surrogates` `[L, A, T, F]` and motion `heads` `[L, k]`.

    Args:
        architecture: where its attention is.
        transformer: a stock one.
        inputs: of its forward pass.
        grid: F, H and W of the video.
        concepts: `[C, D_text]`, whose stream is matched, with its padding. None: the rows of the prompt are.
        layers: to read.
        top_k: the number of motion heads.
        video: the row of the batch.
    """
    with torch.no_grad():
        blocks = stock_blocks(architecture, transformer, inputs)
        rows = []
        for block in blocks:
            if architecture.calls_of_videos:
                rows.append(_rows(architecture, block, block.calls[video], 0, grid))
            else:
                rows.append(_rows(architecture, block, block.calls[architecture.text_call], video, grid))
        if concepts is None and architecture.prompt_rows is not None:
            of_prompt = architecture.prompt_rows(inputs, video)
            rows = [
                each._replace(text_key=each.text_key[:, of_prompt], text_output=each.text_output[:, of_prompt])
                for each in rows
            ]
        if concepts is not None:
            assert architecture.start is not None
            own = {name: value[video, None] if is_batch(value, inputs) else value for name, value in inputs.items()}
            stream = architecture.start(transformer, own, concepts)
            for index, block in enumerate(blocks):
                stream, call = _with_stream(architecture, block, stream, video)
                *_, key, output = _rows(architecture, block, call, 0, grid)
                rows[index] = rows[index]._replace(text_key=key, text_output=output)
    read = [layer_maps(*rows[layer], frames=grid[0], top_k=top_k) for layer in layers]
    found = {name: torch.stack([of[name] for of in read]) for name in read[0]}
    kept = ("surrogates", "heads")
    return {name: of if name in kept else of.mean(0).unflatten(-1, grid[1:]) for name, of in found.items()}


def is_batch(value: Any, inputs: dict[str, Any]) -> bool:
    """Whether an argument of a forward pass has a row for each video."""
    return isinstance(value, Tensor) and value.ndim > 0 and len(value) == len(inputs["hidden_states"])


def stock_blocks(architecture: Architecture, transformer: Any, inputs: dict[str, Any]) -> list[Block]:
    """The blocks of a stock transformer after a forward pass."""
    modules = list(getattr(transformer, architecture.blocks))
    arguments: list[dict[str, Any]] = []

    def begins(module: nn.Module, args: tuple, kwargs: dict) -> None:
        arguments.append(dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments))

    hooks = [module.register_forward_pre_hook(begins, with_kwargs=True) for module in modules]
    try:
        with recorded([getattr(module, architecture.attention) for module in modules]) as calls:
            transformer(**inputs, return_dict=False)
    finally:
        for hook in hooks:
            hook.remove()
    return [Block(*block) for block in zip(modules, arguments, calls, strict=True)]


def _rows(architecture: Architecture, block: Block, call: Call, video: int, grid: Grid) -> Rows:
    """The rows of an attention call: in joint attention, each row is a query and a key."""
    query, key, _, output = (part[video] for part in call)
    if architecture.prompt_only:
        of_video = architecture.video_rows(query.shape[1], grid)
        return Rows(query[:, of_video], output[:, of_video], key, None)
    of_video, others = architecture.video_rows(block.visual, grid), query.shape[1] - block.visual
    text = slice(block.visual, None)
    if architecture.text_rows == "front":
        of_video, text = of_video + others, slice(others)
    return Rows(query[:, of_video], output[:, of_video], key[:, text], output[:, text])


def _with_stream(architecture: Architecture, block: Block, stream: Tensor, video: int) -> tuple[Tensor, Call]:
    """Run a stock block with a concept stream in place of its text: the stream after it, and its attention call.

    The visual rows are those of the video before the block, so the concepts attend to the keys and values of the video.
    What this changes in the visual rows after the block is not used.
    """
    arguments = {
        name: value[video, None]
        if isinstance(value, Tensor) and len(value) == len(block.arguments["hidden_states"])
        else value
        for name, value in block.arguments.items()
    }
    for name in ("attention_mask", "encoder_attention_mask"):
        mask = arguments.get(name)
        if mask is not None:  # one of rows that a block needs attends to all of them
            arguments[name] = None if mask.ndim > 2 else mask.new_ones(1, stream.shape[1])
    attention = getattr(block.module, architecture.attention)
    hooks = []
    if not architecture.stream_uses_attention:

        def passes_text_on(_: nn.Module, args: tuple, kwargs: dict, output: tuple) -> tuple:
            return output[0], kwargs["encoder_hidden_states"]

        hooks.append(attention.register_forward_hook(passes_text_on, with_kwargs=True))
    try:
        with recorded([attention]) as calls:
            _, stream = block.module(**{**arguments, "encoder_hidden_states": stream})[:2]
    finally:
        for hook in hooks:
            hook.remove()
    return stream, calls[0][architecture.text_call]
