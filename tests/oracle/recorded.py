"""What the attention calls of a stock model take and return."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
import torch.nn.functional as F
from torch import Tensor, nn


class Call(NamedTuple):
    """Queries, keys, values and output `[B, A, S, d]` of one attention call."""

    query: Tensor
    key: Tensor
    value: Tensor
    output: Tensor


@contextmanager
def recorded(modules: list[nn.Module]) -> Iterator[list[list[Call]]]:
    """Record the attention calls within each of these modules, in order."""
    calls: list[list[Call]] = [[] for _ in modules]
    running: list[int] = []
    attend = F.scaled_dot_product_attention

    def recording(query: Tensor, key: Tensor, value: Tensor, *args: object, **kwargs: object) -> Tensor:
        output = attend(query, key, value, *args, **kwargs)
        if running:
            calls[running[-1]].append(Call(*(part.detach().clone() for part in (query, key, value, output))))
        return output

    hooks = []
    for index, module in enumerate(modules):
        hooks.append(module.register_forward_pre_hook(lambda *_, index=index: running.append(index)))
        hooks.append(module.register_forward_hook(lambda *_: running.clear()))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(F, "scaled_dot_product_attention", recording)
            yield calls
    finally:
        for hook in hooks:
            hook.remove()
