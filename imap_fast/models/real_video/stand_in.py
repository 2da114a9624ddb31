"""An object like another one, with some other attributes."""

from __future__ import annotations

from typing import Any


class StandIn:
    """Has the attributes of another object, which stays as it is, except those that are given.

    Args:
        original: the other object. Its methods are bound to it.
        attributes: by name.
    """

    def __init__(self, original: Any, **attributes: Any) -> None:
        self._original = original
        vars(self).update(attributes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)
