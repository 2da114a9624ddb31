"""Observes the calls of a method of a pipeline."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def observed_calls(pipeline: object, method: str, observe: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    """Call `observe` before each call of a method inside the `with` block. At its end, the method is restored.

    If a user has set another one by then, that one stays.

    Args:
        pipeline: has the method.
        method: its name.
        observe: called with all arguments by name, defaults included.

    Raises:
        TypeError: the pipeline does not have it.
    """
    if not hasattr(pipeline, method):
        raise TypeError(
            f"{type(pipeline).__name__} has no {method}, by which a trace follows a run; trace a pipeline that has"
        )
    stock, own_attribute = getattr(pipeline, method), vars(pipeline).get(method)
    # Of the class: a method that a user put in its place may take anything.
    signature = inspect.signature(getattr(type(pipeline), method))

    @functools.wraps(stock)
    def observed(*args: object, **kwargs: object) -> object:
        call = signature.bind(pipeline, *args, **kwargs)
        call.apply_defaults()
        observe(call.arguments)
        return stock(*args, **kwargs)

    setattr(pipeline, method, observed)
    try:
        yield
    finally:
        if vars(pipeline).get(method) is observed:
            delattr(pipeline, method)
            if own_attribute is not None:
                setattr(pipeline, method, own_attribute)
