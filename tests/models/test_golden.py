"""The published implementation's outputs, on every small model of `golden/`."""

from __future__ import annotations

import pytest
import torch

import imap_fast
from imap_fast.maps.names import CONTRASTED, MAP_NAMES
from imap_fast.tracing import running_maps
from tests.assertions import assert_close
from tests.device import DEVICE
from tests.golden_case import NAMES, GoldenCase
from tests.precision import lead

# Ours, and what the golden files call it: theirs is "imap" for the sum over all heads.
PUBLISHED = {
    "imap": "sel_imap",
    "gramcol": "imap",
    "cross_attention": "cross_attention_maps",
    "concept_attention": "concept_attention_maps",
}

ONE_OF_EACH = ("hunyuan_prompt_chi", "rope_concepts_dbi", "sincos_concepts_fisher", "wan_prompt_fisher_softmax")
"""A model of each architecture, with rotary embeddings and without."""


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> GoldenCase:
    return GoldenCase.load(request.param)


@pytest.mark.parametrize(
    ("chosen_layers", "backend", "fp64", "tolerance"),
    # Theirs have the rounding of fp32; where ours have it, too, they are twice as far apart. A backend knows nothing of
    # layers: the slowest one reads all.
    [
        pytest.param(chosen, *each, id=f"{'chosen' if chosen else 'all'}-layers-{name}", marks=marks)
        for name, each, layers, marks in (
            ("reference-fp64", ("reference", True, 1e-5), (False, True), ()),
            ("reference", ("reference", False, 2e-5), (False, True), ()),
            ("triton", ("triton", False, 2e-5), (False,), pytest.mark.slow),
        )
        for chosen in layers
    ],
)
def test_maps_match_the_published_ones(
    case: GoldenCase, chosen_layers: bool, backend: str, fp64: bool, tolerance: float
) -> None:
    case = case.in_fp64() if fp64 else case
    case = case.on(DEVICE) if backend == "triton" else case
    layers = case.value("imap_layers") if chosen_layers else range(case.transformer.config.num_layers)
    # Wan's published baselines are scaled twice, and its text rows attend to nothing.
    compared = CONTRASTED if case.architecture == "wan" else MAP_NAMES
    arguments = {**case.arguments, "layers": layers, "maps": compared, "backend": backend}
    # On a GPU, convolutions round to TF32 by default.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        with imap_fast.trace(case.transformer, case.concepts, **arguments) as tracer:
            case.forward()
    assert tracer.maps.settings["backend"] == backend
    for ours in compared:
        theirs = PUBLISHED[ours]
        expected = case.outputs[f"{theirs}_layers" if chosen_layers else theirs]
        # In prompt mode the files keep the first tokens only.
        assert_close(getattr(tracer.maps, ours).flatten(1)[: len(expected)], expected, tolerance)


@pytest.mark.parametrize(
    ("name", "backend"),
    # The kernels of one pass have tests of their own, so one model of each architecture is enough.
    [
        *((name, "reference") for name in NAMES),
        *(pytest.param(name, "triton", marks=pytest.mark.slow) for name in ONE_OF_EACH),
    ],
)
def test_one_pass_over_o_gives_the_published_maps_too(name: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = GoldenCase.load(name)
    monkeypatch.setattr(running_maps.RunningMaps, "one_pass", True)
    test_maps_match_the_published_ones(case, chosen_layers=False, backend=backend, fp64=False, tolerance=2e-5)


def test_heads_and_surrogates_match_the_published_ones(case: GoldenCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """No near ties: the best are so far ahead that no processor's rounding of fp32 would decide otherwise."""
    surrogates, leads, qk_match = [], [], running_maps.qk_match

    def matched(query: torch.Tensor, key: torch.Tensor, *, frames: int, **named: object) -> torch.Tensor:
        leads.append(lead(torch.einsum("afpd,akd->akfp", query.unflatten(1, (frames, -1)), key)))
        surrogates.append(qk_match(query, key, frames=frames, **named))
        return surrogates[-1]

    monkeypatch.setattr(running_maps, "qk_match", matched)
    case = case.in_fp64()
    layers = range(case.transformer.config.num_layers)
    with imap_fast.trace(case.transformer, case.concepts, layers=layers, **case.arguments) as tracer:
        case.forward()
    scores, top_k = tracer.maps.head_scores, case.value("topk")
    if top_k < scores.shape[1]:
        leads.append(lead(-scores if case.arguments["head_score"] == "dbi" else scores, best=top_k))
    assert min(leads) > 1e-4
    assert torch.equal(tracer.maps.selected_heads, case.outputs["selected_heads"])
    # Theirs has a row for each padding row; ours has the one that they all are.
    for ours, theirs in zip(surrogates, case.outputs["argmax"].long(), strict=True):
        rows = torch.arange(theirs.shape[1]).clamp(max=ours.shape[1] - 1)
        assert torch.equal(ours[:, rows], theirs)


def test_output_is_the_published_and_the_untraced_one(case: GoldenCase) -> None:
    untraced = case.forward()
    assert_close(untraced, case.outputs["sample"], 1e-5)
    with imap_fast.trace(case.transformer, case.concepts, **case.arguments):
        traced = case.forward()
    assert torch.equal(traced, untraced)
    assert torch.equal(case.forward(), untraced)


@pytest.mark.parametrize("name", [name for name in NAMES if "prompt" in name])
def test_prompt_mode_without_concepts_returns_every_token(name: str) -> None:
    case = GoldenCase.load(name).in_fp64()
    arguments = {**case.arguments, "maps": ["gramcol", "cross_attention"]}
    with imap_fast.trace(
        case.transformer, None, **arguments, layers=range(case.transformer.config.num_layers)
    ) as tracer:
        case.forward()
    expected = case.outputs["imap"]
    assert_close(tracer.maps.gramcol[: len(expected)].flatten(1), expected, 1e-5)
    tokens = case.inputs["prompt_embeds"].shape[1]
    assert tracer.maps.labels == tuple(f"token {i}" for i in range(tokens))
    assert tracer.maps.cross_attention.shape[0] == tokens
