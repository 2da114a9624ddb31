"""The faster attention of a traced CogVideoX: the same video and maps, by one kernel and another attention call."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import imap_fast
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models import cogvideox
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.device import DEVICE

ROTARY = ARCHITECTURES["cogvideox"]


def run(transformer: nn.Module, inputs: dict[str, Tensor], **arguments: object) -> tuple[Tensor, SaliencyMaps]:
    """The model's output and the maps of one guided forward."""
    arguments = {**ROTARY.arguments, "guided": True, **arguments}
    concepts = ROTARY.concepts().to(inputs["hidden_states"].device)
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
        return transformer(**inputs).sample, tracer.maps


def where_it_runs(backend: str, **config: object) -> tuple[nn.Module, dict[str, object]]:
    """A transformer and the inputs of a guided forward, where the kernels of `backend` run."""
    device = DEVICE if backend == "triton" else torch.device("cpu")
    inputs = ROTARY.draw(batch=2)
    rotary = tuple(table.to(device) for table in inputs.pop("image_rotary_emb"))
    inputs = {name: value.to(device) for name, value in inputs.items()}
    return ROTARY.transformer(**config).to(device), {**inputs, "image_rotary_emb": rotary}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The shapes of the queries that `qk_norm_rope` was called with, except for those of the concept stream."""
    seen = []

    def counted(query: Tensor, key: Tensor, *, text: int, **arguments: object) -> None:
        if text < query.shape[2]:
            seen.append(tuple(query.shape))
        kernel(query, key, text=text, **arguments)

    kernel = cogvideox.qk_norm_rope
    monkeypatch.setattr(cogvideox, "qk_norm_rope", counted)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["reference", "triton"])
@pytest.mark.parametrize("fused", [False, True], ids=["apart", "fused-projections"])
def test_every_block_is_fast_and_nothing_else_changes(calls: list, backend: str, fused: bool) -> None:
    transformer, inputs = where_it_runs(backend, num_layers=4)
    if fused:
        transformer.fuse_qkv_projections()
    stock, maps = run(transformer, inputs, fast_attention=False)
    assert calls == []
    with torch.no_grad():
        assert torch.equal(transformer(**inputs).sample, stock)
    fast, fast_maps = run(transformer, inputs, fast_attention=True, backend=backend)
    assert len(calls) == 4, "one for each block, also for those behind the last layer read"
    assert_close(fast, stock, 1e-5)
    # What follows from q, k and o without a leap; the best patches hang on rounding.
    assert_close(fast_maps.cross_attention, maps.cross_attention, 1e-5)
    assert_close(fast_maps.concept_attention, maps.concept_attention, 1e-5)
    assert_close(fast_maps.head_scores, maps.head_scores, 1e-5)


def test_forwards_that_are_not_read_are_fast_too(calls: list) -> None:
    transformer, inputs = ROTARY.transformer(), ROTARY.draw(batch=2)
    arguments = {**ROTARY.arguments, "steps": [1], "fast_attention": True}
    with torch.no_grad(), imap_fast.trace(transformer, ROTARY.concepts(), **arguments) as tracer:
        first = transformer(**inputs).sample
        assert len(calls) == transformer.config.num_layers
        second = transformer(**inputs).sample
    assert tracer.maps.steps == (1,)
    assert torch.equal(first, second)


def test_by_default_the_cpu_keeps_stock_arithmetic(calls: list) -> None:
    transformer, inputs = ROTARY.transformer(), ROTARY.draw(batch=2)
    traced, _ = run(transformer, inputs)
    with torch.no_grad():
        assert torch.equal(transformer(**inputs).sample, traced)
    assert calls == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_by_default_cuda_is_fast_where_triton_takes_the_dtype(dtype: torch.dtype) -> None:
    with FakeTensorMode():
        query = torch.empty(1, device="cuda", dtype=dtype)
    assert cogvideox.is_fast(query, None) == (dtype != torch.float64)
    assert cogvideox.is_fast(query, True)
    assert not cogvideox.is_fast(query, False)


def test_gradients_flow_by_stock_arithmetic(calls: list) -> None:
    transformer, inputs = ROTARY.transformer(), ROTARY.draw(batch=2)
    with imap_fast.trace(transformer, ROTARY.concepts(), **ROTARY.arguments, fast_attention=True):
        transformer(**inputs).sample.square().mean().backward()
    assert calls == []
    assert transformer.transformer_blocks[0].attn1.to_q.weight.grad.norm() > 0


def test_a_norm_with_a_hook_runs_as_it_is(calls: list) -> None:
    transformer, inputs = ROTARY.transformer(), ROTARY.draw(batch=2)
    first, second, third = (block.attn1.norm_q for block in transformer.transformer_blocks[:3])
    first.register_forward_hook(lambda module, args, output: 2 * output)
    second.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    stock_forward = third.forward
    third.forward = lambda rows: stock_forward(rows) + 1  # as the hooks of accelerate and diffusers do
    expected, _ = run(transformer, inputs, fast_attention=False)
    found, _ = run(transformer, inputs, fast_attention=True)
    assert_close(found, expected, 1e-5)
    assert len(calls) == len(transformer.transformer_blocks) - 3


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_compiler")
def test_a_compiled_model_is_fast_without_a_graph_break() -> None:
    for backend in ("reference", "triton"):
        transformer, inputs = where_it_runs(backend, num_layers=2)
        expected, _ = run(transformer, inputs, layers=[0, 1], fast_attention=False)
        compiled = torch.compile(transformer, backend="aot_eager", fullgraph=True)
        output, _ = run(compiled, inputs, layers=[0, 1], fast_attention=True, backend=backend)
        assert_close(output, expected, 1e-5)


class AttentionCalls(TorchDispatchMode):
    """Notes which of PyTorch's attention implementations ran."""

    def __init__(self) -> None:
        super().__init__()
        self.flash = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.flash += "flash_attention" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["cogvideox", "wan", "hunyuan_video"])
def test_the_attention_call_is_the_one_chosen(name: str) -> None:
    architecture: Architecture = ARCHITECTURES[name]
    transformer, inputs = architecture.transformer(), architecture.draw()

    def forward() -> tuple[Tensor, int]:
        with torch.no_grad(), AttentionCalls() as calls:
            return transformer(**inputs).sample, calls.flash

    expected, stock_calls = forward()
    arguments = {**architecture.arguments, "attention_backend": "_native_math"}
    with imap_fast.trace(transformer, architecture.concepts(), **arguments):
        output, other_calls = forward()
    assert other_calls < stock_calls
    assert_close(output, expected, 1e-5)
    assert forward()[1] == stock_calls, "the choice ends with the trace"


def test_an_attention_call_that_cannot_run_is_replaced_with_a_warning() -> None:
    transformer, inputs = ROTARY.transformer(), ROTARY.draw(batch=2)
    with pytest.warns(UserWarning, match=r"attention_backend='flash' cannot run here \(.*diffusers' default is used"):
        output, maps = run(transformer, inputs, attention_backend="flash")
    expected, expected_maps = run(transformer, inputs)
    assert_close(output, expected, 1e-6)
    assert_close(maps.imap, expected_maps.imap, 1e-6)


def test_what_is_impossible_is_said() -> None:
    transformer = ROTARY.transformer()
    with pytest.raises(ValueError, match="attention_backend='fast' is unknown; choose one of flash, "):
        imap_fast.trace(transformer, ROTARY.concepts(), **ROTARY.arguments, attention_backend="fast")
    wan = ARCHITECTURES["wan"]
    with pytest.raises(ValueError, match="fast_attention=True is not possible for WanTransformer3DModel"):
        imap_fast.trace(wan.transformer(), None, **wan.arguments, fast_attention=True)
