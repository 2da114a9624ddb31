"""A traced step never waits for the device: nothing between two layers asks for a value."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import imap_fast
from imap_kernels.qk_match import reference
from tests.architectures import Architecture

pytestmark = pytest.mark.usefixtures("unwrapped_operations")

SCORES = ("chi", "fisher", "dbi", "silhouette")


class Watch(TorchDispatchMode):
    """Notes every operation that reads a value of a tensor back, or whose result has a size that depends on one."""

    WAITING = ("_local_scalar_dense", "nonzero", "unique", "masked_select", "is_nonzero", "equal.default")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if any(name in str(func) for name in self.WAITING):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


def waits(architecture: Architecture, **arguments: object) -> tuple[list[str], ...]:
    """What waits in an untraced step, and in the second traced one: the first one opens the maps and the stream."""
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2, padding=9)
    arguments = {**architecture.arguments, "guided": True, **arguments}
    found = []
    with torch.no_grad(), ExitStack() as exits:
        for traced in (False, True):
            if traced:
                exits.enter_context(imap_fast.trace(transformer, architecture.concepts(), **arguments))
                transformer(**inputs)
            with Watch() as watch:
                transformer(**inputs)
            found.append(watch.found)
    return tuple(found)


@pytest.mark.slow
@pytest.mark.parametrize("score", SCORES)
def test_no_score_of_heads_waits(architecture: Architecture, score: str) -> None:
    stock, traced = waits(architecture, head_score=score)
    assert traced == stock


def test_prompt_mode_waits_as_rarely(architecture: Architecture) -> None:
    stock, traced = waits(architecture, match="prompt", normalize="softmax")
    assert traced == stock


def test_soft_surrogates_wait_as_rarely(architecture: Architecture) -> None:
    stock, traced = waits(architecture, surrogates="clip")
    assert traced == stock


def test_what_is_kept_waits_as_rarely(architecture: Architecture) -> None:
    stock, traced = waits(architecture, keep=["layers", "steps"], heads=[(2, 1)])
    assert traced == stock


def test_the_watch_finds_what_it_looks_for(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    stock_match = reference.qk_match

    def impatient(*arguments: object) -> Tensor:
        index = stock_match(*arguments)
        assert index.max().item() >= 0
        return index

    monkeypatch.setattr(reference, "qk_match", impatient)
    stock, traced = waits(architecture)
    assert len(traced) > len(stock)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="only a GPU is waited for")
@pytest.mark.parametrize("keep", [[], ["layers"], ["steps"], ["layers", "steps"]])
def test_a_traced_step_on_a_gpu_waits_for_nothing(architecture: Architecture, keep: list[str]) -> None:
    transformer = architecture.transformer().cuda()
    inputs = {name: _to_cuda(value) for name, value in architecture.draw(batch=2).items()}
    concepts = architecture.concepts()
    arguments = {**architecture.arguments, "guided": True, "keep": keep}
    with torch.no_grad(), imap_fast.trace(transformer, None if concepts is None else concepts.cuda(), **arguments):
        transformer(**inputs)
        torch.cuda.set_sync_debug_mode("error")
        try:
            transformer(**inputs)
        finally:
            torch.cuda.set_sync_debug_mode("default")


def _to_cuda(value: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return value.cuda() if isinstance(value, Tensor) else tuple(tensor.cuda() for tensor in value)
