"""Whether a model has changed: a state that is cheap to take, because it holds no weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from imap_fast.models.running_adapters import RunningAdapters


@dataclass(frozen=True)
class WeightState:
    """What is known of the weights of a model at one time. A part of a pipeline that is no model has none.

    Attributes:
        changes: how often each weight was changed in place, by name.
        scales: as in `RunningAdapters`.
    """

    changes: Mapping[str, int]
    scales: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, part: Any) -> WeightState:
        """The state of a part of a pipeline as it is now."""
        if not isinstance(part, nn.Module):
            return cls({}, {})
        # Offload unties shared weights, so each name counts.
        weights = part.named_parameters(remove_duplicate=False)
        return cls({name: _changes(weight) for name, weight in weights}, RunningAdapters(part).scales)

    def has_changed_since(self, before: WeightState) -> bool:
        """Whether weights were added, removed or changed in place, or adapters run otherwise.

        Offload replaces weights by others that were never changed, so a lower count is no change.
        """
        if self.changes.keys() != before.changes.keys() or self.scales != before.scales:
            return True
        return any(count > before.changes[name] for name, count in self.changes.items())


def _changes(weight: Tensor) -> int:
    """How often a tensor was changed in place. PyTorch does not count it for tensors of inference mode."""
    return 0 if weight.is_inference() else weight._version
