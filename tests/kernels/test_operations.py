"""What all operations share: registration with torch.library, dispatch, and an import that needs no Triton."""

import importlib
import subprocess
import sys

import pytest
import torch

from imap_kernels import (
    SCORES,
    concept_attention,
    frame_separation,
    gram_column,
    head_similarity,
    qk_match,
    region_rows,
    select_heads,
    soft_surrogates,
)
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.kernels.draw import draw_multiplicity, draw_rows
from tests.precision import default_dtype


def draw_point_and_box():
    """Tokens, offsets and unit lengths of two regions."""
    tokens, offsets = torch.tensor([7, 1, 2, 12, 13], device=DEVICE), torch.tensor([0, 1, 5], device=DEVICE)
    return tokens, offsets, torch.tensor([False, True], device=DEVICE)


def layer(query, features, concept, maps, baseline, backend):
    """All operations of one layer, as a traced pipeline calls them."""
    multiplicity = draw_multiplicity(concept.shape[1], padding=7)
    rows = concept_attention(concept, concept, concept, query, features, multiplicity=multiplicity, backend=backend)
    not_finite = torch.zeros(3, dtype=torch.int32, device=features.device)
    index = qk_match(query, concept, frames=3, not_finite=not_finite[0], backend=backend)
    scores = frame_separation(features, frames=3, not_finite=not_finite[1], backend=backend)
    sums = torch.zeros(2, len(features), dtype=torch.float32, device=features.device)
    weights = torch.ones_like(sums)
    running = {"score_sum": sums[0], "chosen_sum": sums[1], "weights": weights[1]}
    select_heads(scores, score="chi", top_k=2, **running, backend=backend)
    gram_column(features, index, multiplicity=multiplicity, head_weights=weights, out=maps, backend=backend)
    soft, scores = soft_surrogates(query, concept, features, frames=3, scale=0.7, over="frame", backend=backend)
    gram_column(features, soft, multiplicity=multiplicity, head_weights=weights, out=maps, backend=backend)
    similarity = {"multiplicity": multiplicity, "out": baseline, "scale": 1.0, "not_finite": not_finite[2]}
    head_similarity(rows, features, **similarity, backend=backend)
    tokens, offsets, unit_length = draw_point_and_box()
    of_regions = region_rows(features, tokens, offsets, unit_length=unit_length, backend=backend)
    columns = torch.zeros(2, 33, dtype=torch.float32, device=features.device)
    regions = {"region_rows": of_regions, "unit_length": unit_length, "region_out": columns}
    gram_column(features, soft, multiplicity=multiplicity, head_weights=weights, out=maps, **regions, backend=backend)
    return torch.cat([*sums, weights[1], not_finite, scores, of_regions.flatten(), columns.flatten()])


def draw_layer():
    """A fresh set of arguments of `layer`, always the same."""
    query, features = (draw_rows(4, 3 * 11, 16, seed=seed) for seed in (1, 2))
    maps, baseline = torch.zeros(2, 4, 33, device=DEVICE), torch.zeros(4, 33, device=DEVICE)
    return query, features, draw_rows(4, 5, 16, seed=3), maps, baseline


@pytest.mark.slow
def test_no_graph_break_under_compile(backend):
    eager, compiled = draw_layer(), draw_layer()
    scores = layer(*eager, backend)
    compiled_scores = torch.compile(layer, backend="aot_eager", fullgraph=True)(*compiled, backend)
    assert_close(compiled_scores, scores, 1e-6)
    for result, expected in zip(compiled[3:], eager[3:], strict=True):
        assert expected.norm() > 0
        assert_close(result, expected, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "concept_attention",
        "frame_separation",
        "gram_column",
        "gram_separation",
        "head_similarity",
        "qk_match",
        "qk_norm_rope",
        "region_rows",
        "select_heads",
        "soft_surrogates",
        "text_attention",
    ],
)
def test_is_registered_as_it_behaves(name):
    query, features, concept, maps, baseline = draw_layer()
    multiplicity = draw_multiplicity(5, padding=7)
    vector, angles = torch.ones(16, device=DEVICE), torch.rand(30, 16, device=DEVICE)
    projected = (query[None].clone(), query[None].clone())
    not_finite, sums = torch.zeros((), dtype=torch.int32, device=DEVICE), torch.rand(4, 4, device=DEVICE)
    regions = draw_point_and_box()
    arguments = {
        "concept_attention": (concept, concept, concept, query, features, multiplicity),
        "frame_separation": (features, 3, "chi", not_finite),
        "gram_column": (
            features,
            qk_match(query, concept, frames=3),
            multiplicity,
            torch.ones(2, 4, device=DEVICE),
            maps,
            "none",
            concept,
            torch.arange(5, device=DEVICE) % 2 == 0,
            torch.zeros(5, 33, device=DEVICE),
        ),
        "gram_separation": (
            features,
            qk_match(query, concept, frames=3),
            multiplicity,
            maps[0],
            "chi",
            "none",
            not_finite,
        ),
        "head_similarity": (concept, features, multiplicity, baseline, 1.0, "none", None, not_finite),
        "qk_match": (query, concept, 3, not_finite),
        "qk_norm_rope": (*projected, *[vector] * 4, 1e-6, angles.cos(), angles.sin(), 3),
        "region_rows": (features, *regions, not_finite),
        "soft_surrogates": (query, concept, features, 3, 0.7, "clip", "chi", not_finite),
        "select_heads": (sums[0], "chi", 2, *sums[1:], None),
        "text_attention": (concept, concept, query, multiplicity, torch.zeros(4, 4, device=DEVICE), not_finite),
    }[name]
    results = torch.library.opcheck(getattr(torch.ops.imap_kernels, name).default, (*arguments, "reference"))
    assert set(results.values()) == {"SUCCESS"}


def test_defaults_of_torch_change_nothing(backend):
    expected, found = draw_layer(), draw_layer()
    scores = layer(*expected, backend)
    with default_dtype(torch.float16), torch.device("meta"):
        assert_close(layer(*found, backend), scores, 0)
    for result, value in zip(found[3:], expected[3:], strict=True):
        assert_close(result, value, 0)


def reference(operation):
    """The equation of an operation, without its checks and its dispatch."""
    return getattr(importlib.import_module(f"imap_kernels.{operation}.reference"), operation)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_references_work_on_the_device_of_their_inputs(dtype):
    # Directly: an operation of torch.library runs without the default device of `with torch.device(…)`.
    query, features, concept, *_ = (tensor.to(dtype) for tensor in draw_layer())
    multiplicity = draw_multiplicity(5, padding=7)
    weights = torch.ones(2, 4, device=DEVICE)

    def results():
        not_finite, sums = torch.zeros_like(multiplicity[0], dtype=torch.int32), torch.zeros_like(weights[[0, 0, 0]])
        index = reference("qk_match")(query, concept, 3, not_finite)
        rows = reference("concept_attention")(concept, concept, concept, query, features, multiplicity)
        scores = [reference("frame_separation")(features, 3, score, not_finite) for score in SCORES]
        maps, baseline = weights.new_zeros(2, 4, 33), weights.new_zeros(4, 33)
        reference("gram_column")(features, index, multiplicity, weights, maps, "softmax")
        soft, _ = reference("soft_surrogates")(query, concept, features, 3, 0.7, "frame", "chi", not_finite)
        reference("gram_column")(features, soft, multiplicity, weights, maps, "none")
        unit_length = multiplicity.bool()
        reference("head_similarity")(concept, features, multiplicity, baseline, 1.0, "softmax", unit_length, not_finite)
        tokens, offsets, unit = draw_point_and_box()
        regions = reference("region_rows")(features, tokens, offsets, unit, not_finite)
        columns = weights.new_zeros(2, 33)
        reference("gram_column")(features, index, multiplicity, weights, maps, "none", regions, unit, columns)
        reference("select_heads")(scores[0], "chi", 2, *sums, None)
        return [*sums, index, soft, rows, *scores, maps, baseline, regions, columns]

    expected = results()
    with torch.device("meta"):
        found = results()
    for result, value in zip(found, expected, strict=True):
        assert result.device == value.device
        assert torch.equal(result, value)


def test_autocast_changes_nothing(backend):
    expected, found = draw_layer(), draw_layer()
    scores = layer(*expected, backend)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        assert_close(layer(*found, backend), scores, 0)
        assert torch.is_autocast_enabled(DEVICE.type)
    for result, value in zip(found[3:], expected[3:], strict=True):
        assert_close(result, value, 0)


def test_keeps_no_gradient(backend):
    arguments = [tensor.requires_grad_() for tensor in draw_layer()[:3]]
    _, _, _, maps, baseline = draw_layer()
    scores = layer(*arguments, maps, baseline, backend)
    assert not any(tensor.requires_grad for tensor in (scores, maps, baseline))


def test_environment_decides_where_nobody_did(monkeypatch):
    query, features, *_ = draw_layer()
    monkeypatch.setenv("IMAP_BACKEND", "cuda")
    with pytest.raises(ValueError, match="backend is 'cuda'; choose one of 'auto', 'triton', 'reference'"):
        qk_match(query, features, frames=3)
    assert qk_match(query, features, frames=3, backend="reference").shape == (4, 33, 3)
    with pytest.raises(ValueError, match="backend is 'opencl'"):
        qk_match(query, features, frames=3, backend="opencl")


def test_triton_on_the_cpu_needs_the_interpreter(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    query, features = torch.randn(2, 6, 8), torch.randn(2, 3, 8)
    with pytest.raises(ValueError, match=r"needs CUDA tensors, these are on 'cpu'.*TRITON_INTERPRET=1"):
        qk_match(query, features, frames=3, backend="triton")
    monkeypatch.setenv("IMAP_BACKEND", "triton")
    with pytest.raises(ValueError, match="needs CUDA tensors"):
        frame_separation(query, frames=3)


@pytest.mark.slow
def test_works_where_triton_is_not_installed():
    script = """
import sys
sys.modules["triton"] = None
import torch, imap_kernels
query, key = torch.randn(2, 6, 8), torch.randn(2, 3, 8)
assert imap_kernels.qk_match(query, key, frames=2).shape == (2, 3, 2)
try:
    imap_kernels.qk_match(query, key, frames=2, backend="triton")
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pip install 'imap-fast[triton]'" in done.stdout
