"""A model that is changed before a trace or inside of it gives the right maps, or an error that says what is wrong."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import diffusers.hooks
import pytest
import torch
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from diffusers.models.transformers.transformer_hunyuan_video import HunyuanVideoAttnProcessor2_0
from diffusers.models.transformers.transformer_wan import WanAttnProcessor
from peft import LoraConfig
from torch import nn

import imap_fast
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.conftest import NAMES

PASSES = 3


@dataclass(frozen=True)
class Change:
    """Something that is done to a transformer.

    Attributes:
        to: does it. It may raise what diffusers raises, if the architecture or the machine does not support it.
        maps: whether the maps are the `"same"`, or the changed model's `"own"`. None: the trace is refused, unless the
            change does nothing to this architecture.
        error: what a refusal says.
        covers: names of the functions of diffusers and PyTorch that this tries.
    """

    to: Callable[[nn.Module], object]
    maps: str | None = None
    error: str = "changes what runs"
    covers: tuple[str, ...] = ()


def blocks_of(transformer: nn.Module) -> nn.ModuleList:
    return transformer.blocks if hasattr(transformer, "blocks") else transformer.transformer_blocks


def attention_of(block: nn.Module) -> nn.Module:
    return next(getattr(block, name) for name in ("attn2", "attn1", "attn") if hasattr(block, name))


def stock_processor(transformer: nn.Module) -> object:
    stock = {
        "CogVideoXTransformer3DModel": CogVideoXAttnProcessor2_0,
        "HunyuanVideoTransformer3DModel": HunyuanVideoAttnProcessor2_0,
        "WanTransformer3DModel": WanAttnProcessor,
    }
    return stock[type(transformer).__name__]()


class Foreign:
    """An attention processor that the product does not know."""

    def __call__(self, attn: nn.Module, hidden_states: torch.Tensor, *rest: object, **named: object) -> object:
        raise AssertionError("it ran")


def hook_of(name: str, config: Callable[[], object]) -> Change:
    """A function of `diffusers.hooks` that skips or reuses parts of the model."""
    return Change(lambda transformer: getattr(diffusers.hooks, name)(transformer, config()), covers=(name,))


def pyramid_config() -> diffusers.PyramidAttentionBroadcastConfig:
    return diffusers.PyramidAttentionBroadcastConfig(
        spatial_attention_block_skip_range=2,
        cross_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=(-1, 1001),
        cross_attention_timestep_skip_range=(-1, 1001),
        current_timestep_callback=lambda: 500,
    )


def faster_config() -> object:
    return diffusers.FasterCacheConfig(
        spatial_attention_block_skip_range=2,
        spatial_attention_timestep_skip_range=(-1, 1001),
        current_timestep_callback=lambda: 500,
        attention_weight_callback=lambda _: 0.5,
        tensor_format="BFCHW",
        is_guidance_distilled=True,
    )


def skip(**parts: bool) -> Change:
    def to(transformer: nn.Module) -> None:
        fqn = "blocks" if hasattr(transformer, "blocks") else "transformer_blocks"
        config = diffusers.hooks.LayerSkipConfig(indices=[1], fqn=fqn, **parts)
        diffusers.hooks.apply_layer_skip(transformer, config)

    return Change(to, covers=("apply_layer_skip",))


def lora(transformer: nn.Module) -> None:
    torch.manual_seed(7)
    targets = ["to_q", "to_k", "to_v", "text_proj", "context_embedder.proj_in"]
    transformer.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=targets))


def exchange(transformer: nn.Module) -> None:
    blocks = blocks_of(transformer)
    blocks[0], blocks[1] = blocks[1], blocks[0]


def another_block(transformer: nn.Module) -> nn.Module:
    torch.manual_seed(8)
    return blocks_of(type(transformer).from_config(transformer.config))[2]


def exchange_attention(transformer: nn.Module) -> None:
    first, second = blocks_of(transformer)[:2]
    name = next(name for name in ("attn2", "attn1", "attn") if hasattr(first, name))
    one, other = getattr(first, name), getattr(second, name)
    setattr(first, name, other)
    setattr(second, name, one)


def replace_blocks(change: Callable[[list[nn.Module]], list[nn.Module]]) -> Callable[[nn.Module], None]:
    def to(transformer: nn.Module) -> None:
        name = "blocks" if hasattr(transformer, "blocks") else "transformer_blocks"
        setattr(transformer, name, nn.ModuleList(change(list(blocks_of(transformer)))))

    return to


def add_block(place: int) -> Callable[[nn.Module], None]:
    return lambda transformer: blocks_of(transformer).insert(place, another_block(transformer))


def skip_by_hand(transformer: nn.Module) -> None:
    block = blocks_of(transformer)[1]

    def forward(hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, *_: object, **__: object) -> object:
        is_wan = hasattr(transformer, "blocks")
        return hidden_states if is_wan else (hidden_states, encoder_hidden_states)

    block.forward = forward


def run_twice(transformer: nn.Module) -> None:
    attention = attention_of(blocks_of(transformer)[1])
    stock = attention.forward
    attention.forward = lambda *args, **kwargs: (stock(*args, **kwargs), stock(*args, **kwargs))[1]


def set_stock_processors(transformer: nn.Module) -> None:
    for block in blocks_of(transformer):
        attention_of(block).set_processor(stock_processor(transformer))


def set_processors(*made: Callable[[nn.Module], object]) -> Callable[[nn.Module], None]:
    def to(transformer: nn.Module) -> None:
        for make in made:
            transformer.set_attn_processor(make(transformer))

    return to


def stock_and_back(transformer: nn.Module) -> None:
    before = transformer.attn_processors
    set_stock_processors(transformer)
    transformer.set_attn_processor(before)


def fused_and_back(transformer: nn.Module) -> None:
    transformer.fuse_qkv_projections()
    transformer.unfuse_qkv_projections()


CAST = {"storage_dtype": torch.float8_e4m3fn, "compute_dtype": torch.float32}
GROUPS = {"onload_device": torch.device("cpu"), "offload_type": "leaf_level"}
CHANGES = {
    # What skips, repeats or reuses parts of the model.
    "pyramid": hook_of("apply_pyramid_attention_broadcast", pyramid_config),
    "faster": hook_of("apply_faster_cache", faster_config),
    "first_block": hook_of("apply_first_block_cache", lambda: diffusers.hooks.FirstBlockCacheConfig(threshold=9.0)),
    "taylorseer": hook_of("apply_taylorseer_cache", lambda: diffusers.hooks.TaylorSeerCacheConfig()),
    "mag": hook_of(
        "apply_mag_cache",
        lambda: diffusers.hooks.MagCacheConfig(num_inference_steps=PASSES, mag_ratios=[1.0] * PASSES),
    ),
    "sea": hook_of("apply_sea_cache", lambda: diffusers.hooks.SeaCacheConfig()),
    "text_kv": hook_of("apply_text_kv_cache", lambda: diffusers.hooks.TextKVCacheConfig()),
    "enabled_cache": Change(lambda transformer: transformer.enable_cache(pyramid_config()), covers=("enable_cache",)),
    "skipped_block": skip(),
    "skipped_attention": skip(skip_attention=True, skip_ff=False, skip_attention_scores=False),
    "skipped_ff": skip(skip_attention=False, skip_ff=True, skip_attention_scores=False),
    "skipped_by_hand": Change(skip_by_hand, error="was due"),
    "run_twice": Change(run_twice, error="was due"),
    # Other blocks. Before the trace they are the model.
    "exchanged": Change(exchange, "own", error="were moved"),
    "exchanged_attention": Change(exchange_attention, "own", error="were moved"),
    "shorter": Change(replace_blocks(lambda blocks: blocks[:2]), error="did not run"),
    "longer": Change(add_block(0), "own", "were moved"),
    "inserted": Change(add_block(1), "own", "were moved"),
    "replaced": Change(lambda transformer: blocks_of(transformer).__setitem__(1, another_block(transformer)), "own"),
    "copied": Change(
        lambda transformer: blocks_of(transformer).append(copy.deepcopy(blocks_of(transformer)[0])), "same"
    ),
    "twice": Change(replace_blocks(lambda blocks: [blocks[0], blocks[0], *blocks[1:]]), error="were moved"),
    # Attention processors.
    "foreign": Change(set_processors(lambda _: Foreign()), error="Foreign cannot be traced"),
    "stock": Change(set_stock_processors, "same"),
    "own_again": Change(set_processors(lambda transformer: transformer.attn_processors), "same"),
    "stock_and_back": Change(stock_and_back, "same", covers=("set_attn_processor",)),
    "fused": Change(lambda transformer: transformer.fuse_qkv_projections(), "same", covers=("fuse_qkv_projections",)),
    "unfused": Change(fused_and_back, "same", covers=("unfuse_qkv_projections",)),
    "backend": Change(
        lambda transformer: (transformer.set_attention_backend("native"), transformer.reset_attention_backend()),
        "same",
        covers=("set_attention_backend", "reset_attention_backend"),
    ),
    "xformers": Change(
        lambda transformer: transformer.enable_xformers_memory_efficient_attention(),
        "same",
        covers=("enable_xformers_memory_efficient_attention", "set_use_memory_efficient_attention_xformers"),
    ),
    "no_xformers": Change(
        lambda transformer: transformer.disable_xformers_memory_efficient_attention(),
        error="cannot be traced",
        covers=("disable_xformers_memory_efficient_attention",),
    ),
    "no_flash": Change(
        lambda transformer: (transformer.disable_npu_flash_attention(), transformer.disable_xla_flash_attention()),
        error="cannot be traced|not callable",  # Wan has no processor afterwards
        covers=(
            *("disable_npu_flash_attention", "disable_xla_flash_attention", "enable_npu_flash_attention"),
            *("enable_xla_flash_attention", "set_use_npu_flash_attention", "set_use_xla_flash_attention"),
        ),
    ),
    # Where weights are, and in which type.
    "group_offload": Change(
        lambda transformer: transformer.enable_group_offload(**GROUPS),
        "same",
        covers=("enable_group_offload", "apply_group_offloading"),
    ),
    "layerwise": Change(
        lambda transformer: transformer.enable_layerwise_casting(**CAST),
        "own",
        covers=("enable_layerwise_casting", "apply_layerwise_casting"),
    ),
    "cast_hook": Change(
        lambda transformer: diffusers.hooks.apply_layerwise_casting_hook(
            attention_of(blocks_of(transformer)[1]).to_q, **CAST, non_blocking=False
        ),
        "own",
        covers=("apply_layerwise_casting_hook",),
    ),
    "moved": Change(lambda transformer: transformer.to("cpu"), "same", covers=("to",)),
    # Other weights.
    "lora": Change(lora, "own", covers=("add_adapter", "set_adapter")),
    "lora_off": Change(
        lambda transformer: (lora(transformer), transformer.disable_adapters()),
        "same",
        covers=("disable_adapters", "enable_adapters", "disable_lora", "enable_lora"),
    ),
    "lora_gone": Change(
        lambda transformer: (lora(transformer), transformer.unload_lora()),
        "same",
        covers=("unload_lora", "delete_adapters"),
    ),
    "lora_scaled": Change(
        lambda transformer: (lora(transformer), transformer.set_adapters("default", 0.5)),
        "own",
        covers=("set_adapters",),
    ),
    "lora_fused": Change(
        lambda transformer: (lora(transformer), transformer.fuse_lora()), "own", covers=("fuse_lora",)
    ),
    "lora_unfused": Change(
        lambda transformer: (lora(transformer), transformer.fuse_lora(), transformer.unfuse_lora()),
        "own",
        covers=("unfuse_lora",),
    ),
    "no_gradients": Change(lambda transformer: transformer.requires_grad_(False), "same"),
    "training": Change(lambda transformer: transformer.train(), "same"),
    "checkpointing": Change(
        lambda transformer: transformer.enable_gradient_checkpointing(),
        "same",  # without gradients it does nothing
        covers=("enable_gradient_checkpointing",),
    ),
}
ELSEWHERE = {
    "compile": "in tests/models, without a graph break",
    "compile_repeated_blocks": "slow; by hand",
    "apply_context_parallel": "needs several processes; its hooks are refused like every unknown one",
    "apply_tensor_parallel": "needs several processes; a layer with other heads is refused by `RunningMaps.add_layer`",
    "enable_parallelism": "needs several processes; its hooks are refused like every unknown one",
    "load_lora_adapter": "reads a file, and ends in `add_adapter`",
    "enable_lora_hotswap": "only prepares for adapters of other ranks",
}
"""Functions that are tried somewhere else, or cannot be tried here."""


def maps_of(architecture: Architecture, change: Change, when: str) -> imap_fast.SaliencyMaps:
    """The maps of a few forward passes. The change happens `before` the trace, `inside` it, or `between` two passes."""
    torch.compiler.reset()
    transformer, inputs = architecture.transformer(), architecture.draw()

    def happens(now: str) -> None:
        if when == now:
            try:
                change.to(transformer)
            except Exception as error:  # of diffusers, which does not offer the change for this architecture or machine
                pytest.skip(f"not possible: {error}")

    happens("before")
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        happens("inside")
        for number in range(PASSES):
            if number == 1:
                happens("between")
            transformer(**inputs)
    return tracer.maps


@pytest.fixture(scope="module")
def plain() -> dict[str, imap_fast.SaliencyMaps]:
    """The maps of the unchanged models."""
    return {
        name: maps_of(each, Change(lambda _: None), "never") for name, each in ARCHITECTURES.items() if name in NAMES
    }


def assert_same(one: imap_fast.SaliencyMaps, other: imap_fast.SaliencyMaps, tolerance: float) -> None:
    for name, values in other.maps.items():
        assert_close(one.maps[name], values, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "inside", "between"])
@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("kind", NAMES)
def test_a_changed_model_is_read_rightly_or_refused(kind: str, name: str, when: str, plain) -> None:
    architecture, change = ARCHITECTURES[kind], CHANGES[name]
    try:
        maps = maps_of(architecture, change, when)
    except (ValueError, TypeError, RuntimeError) as error:
        # Other blocks are the model before a trace, and cannot be followed inside of one.
        if (change.maps is not None and when == "before") or not re.search(change.error, str(error)):
            raise
        return
    if change.maps != "own":
        assert_same(maps, plain[kind], 1e-4)
        return
    changed = maps_of(architecture, change, "before")
    if when == "between":  # one pass of the plain model, the others of the changed one
        values = {n: (plain[kind].maps[n] + (PASSES - 1) * changed.maps[n]) / PASSES for n in changed.maps}
        changed = replace(changed, maps=values)
    assert_same(maps, changed, 1e-4)


def test_every_function_that_changes_a_model_is_tried() -> None:
    """Also those that a newer diffusers brings."""
    covered = {name for change in CHANGES.values() for name in change.covers} | ELSEWHERE.keys()
    hooks = {name for name in dir(diffusers.hooks) if name.startswith(("apply_", "enable_"))}
    methods = {
        name
        for architecture in ARCHITECTURES.values()
        for name in dir(architecture.transformer())
        if re.match(r"(un)?(fuse|load_lora|set_a|set_use|enable|add_adapter|delete_ad|reset_at|compile|to$)", name)
    }
    assert hooks | methods <= covered
