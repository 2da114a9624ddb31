"""The hooks of diffusers in a model: some move or cast its weights, all others change what it computes."""

from __future__ import annotations

from torch import nn

HARMLESS_HOOKS = (
    "GroupOffloadingHook",
    "LayerExecutionTrackerHook",
    "LayerwiseCastingHook",
    "LazyPrefetchGroupOffloadingHook",
    "PeftInputAutocastDisableHook",
)
"""Hooks that move or cast weights. Every block still runs once, so the maps are right."""


def refuse_other_hooks(transformer: nn.Module) -> None:
    """Raise ValueError if a hook of diffusers may skip, reuse or replace a part of the forward pass.

    The hooks of `enable_cache`, and of every other `apply_…` function of `diffusers.hooks`, are among them.
    """
    for module in transformer.modules():
        registry = vars(module).get("_diffusers_hook")
        for hook in () if registry is None else registry.hooks.values():
            if type(hook).__name__ not in HARMLESS_HOOKS:
                name = next(name for name, other in transformer.named_modules() if other is module)
                raise ValueError(
                    f"the hook {type(hook).__name__} of {name or 'the transformer'} changes what runs, so the maps "
                    "would be wrong; remove it before the trace (transformer.disable_cache() removes a cache)"
                )


def refuse_later_hooks(entry: nn.Module, own: int) -> None:
    """Raise RuntimeError if a forward pre-hook runs after the one with the id `own`, also in a compiled module."""
    compiled = getattr(entry, "_orig_mod", None)
    is_last = next(reversed(entry._forward_pre_hooks)) == own
    if not is_last or (compiled is not None and compiled._forward_pre_hooks):
        raise RuntimeError(
            "a forward pre-hook of the transformer runs after that of the trace, and may change inputs that are "
            "already read; register it before the trace, and on the compiled module if it is compiled"
        )
