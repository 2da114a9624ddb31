"""A value that is computed from a tensor, and kept until the tensor changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor

Value = TypeVar("Value")


class KeptValue(Generic[Value]):
    """What a function makes of a tensor. It may wait for the device, so it is not called at every step.

    Args:
        compute: called with a tensor and further arguments, when one of them is new or has changed.
    """

    def __init__(self, compute: Callable[..., Value]) -> None:
        self._compute = compute
        self._made_of: tuple[Tensor, int, tuple[object, ...], Value] | None = None

    def forget(self) -> None:
        """Compute the value anew next time, because changes through `.data` or NumPy cannot be seen."""
        self._made_of = None

    def of(self, tensor: Tensor, *arguments: object) -> Value:
        """The value for a tensor and further arguments, which are compared with `==`."""
        if tensor.is_inference():  # such a tensor does not count its changes
            return self._compute(tensor, *arguments)
        if self._made_of is not None:
            known, version, others, value = self._made_of
            if known is tensor and version == tensor._version and others == arguments:
                return value
        value = self._compute(tensor, *arguments)
        self._made_of = tensor, tensor._version, arguments, value
        return value
