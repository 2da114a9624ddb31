"""Whether a model has changed: a state that is cheap to take, and equal as long as nothing did."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from imap_fast.models.running_adapters import RunningAdapters


def weight_state(model: nn.Module) -> Any:
    """The names of the weights, how often each was changed in place, and the scales of the running adapters.

    It does not read the weights, and it does not matter on which device they are.
    """
    weights = [(name, _changes(weight)) for name, weight in model.named_parameters()]
    return weights, RunningAdapters(model).scales


def _changes(weight: Tensor) -> int:
    """How often a tensor was changed in place. PyTorch does not count it for tensors of inference mode."""
    return 0 if weight.is_inference() else weight._version
