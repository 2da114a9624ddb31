"""The registry says of each architecture what its adapter, its tests and diffusers say."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any

import diffusers
import pytest
import torch

import imap_fast
from imap_fast.models.registry import ARCHITECTURES, MODULES, PIPELINES, adapter_for
from tests import tiny_wan
from tests.architectures import ARCHITECTURES as TESTED
from tests.assertions import assert_close
from tests.pipelines import EXPLAINED, PROMPT, generate
from tests.pipelines import PIPELINES as TESTED_PIPELINES

READ = {"layers": [0, 2], "top_k": 2, "match": "prompt"}


@pytest.fixture
def unknown_pipeline(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A pipeline whose class is not known, with the transformer of Wan."""
    monkeypatch.delitem(MODULES, "WanPipeline")
    return tiny_wan.tiny_pipeline()


@pytest.mark.parametrize("module", ARCHITECTURES)
def test_it_says_what_the_adapter_says(module: str) -> None:
    architecture, adapter = ARCHITECTURES[module], import_module(f"imap_fast.models.{module}").Adapter
    assert adapter.model.__name__ == architecture.transformer
    assert adapter.has_concept_stream == architecture.has_concept_stream
    explained = {pipeline.name for pipeline in architecture.pipelines if pipeline.explained}
    if explained:
        forward = adapter.video_forward_class
        assert forward.is_published == architecture.is_published
        assert set(forward.pipelines) == explained
    for name in (architecture.transformer, *(pipeline.name for pipeline in architecture.pipelines)):
        assert hasattr(diffusers, name), name


def test_every_pipeline_is_tested_and_no_other_is_named() -> None:
    kinds = {kind: type(make()).__name__ for kind, (_, make, _) in TESTED_PIPELINES.items()}
    assert set(kinds.values()) == PIPELINES.keys()
    assert {kinds[kind] for kind in EXPLAINED} == {name for name, each in PIPELINES.items() if each.explained}
    assert TESTED.keys() == ARCHITECTURES.keys()


@pytest.mark.parametrize("name", PIPELINES)
def test_what_a_run_needs_is_what_its_signature_says(name: str) -> None:
    """A pipeline that starts from something takes it. One that starts from nothing needs nothing but a prompt."""
    parameters = inspect.signature(getattr(diffusers, name).__call__).parameters
    required = {each for each, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    starts_from = PIPELINES[name].starts_from
    assert required <= {"self", "prompt"} or starts_from is not None
    if starts_from is not None:
        kind = starts_from.split(", ")[0].split(" and ")[0].removeprefix("an ").removeprefix("a ").replace(" ", "_")
        assert kind in parameters


def test_it_imports_nothing_heavy() -> None:
    code = "import sys, imap_fast.models.registry; print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("WanVideoPipeline", "WanVideoToVideoPipeline"),
        ("CogVideoX2Pipeline", "CogVideoXPipeline"),
        ("HunyuanVideoTransformer4DModel", "HunyuanVideoTransformer3DModel"),
    ],
)
def test_an_unknown_class_names_the_nearest_known_one(name: str, near: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name} is none of the pipelines .*; the nearest is {near}$"):
        adapter_for(type(name, (), {})())


def test_an_unknown_pipeline_is_traced_if_its_transformer_is_known(unknown_pipeline: Any) -> None:
    def imap() -> torch.Tensor:
        with imap_fast.trace(unknown_pipeline, ["cat"], **READ) as tracer:
            generate(unknown_pipeline)
        return tracer.maps.imap

    unknown = imap()
    MODULES["WanPipeline"] = "wan"
    assert torch.equal(unknown, imap())
    del MODULES["WanPipeline"]
    unknown_pipeline.transformer = torch.compile(unknown_pipeline.transformer, backend="eager")
    assert adapter_for(unknown_pipeline).model is diffusers.WanTransformer3DModel


@pytest.mark.parametrize("is_embedded", [False, True])
def test_an_unknown_pipeline_that_guides_in_its_batch_is_refused_or_told(
    unknown_pipeline: Any, is_embedded: bool
) -> None:
    """The rows of its batch are counted: otherwise both halves would be read as videos."""
    pipeline = unknown_pipeline
    words, prompt = ["cat"], {}
    if is_embedded:
        embeddings, _ = pipeline.encode_prompt(PROMPT, do_classifier_free_guidance=False, max_sequence_length=24)
        words, prompt = None, {"prompt": None, "prompt_embeds": embeddings}

    def in_halves(module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        other = {**kwargs, "encoder_hidden_states": kwargs["encoder_hidden_states"].flip(1)}
        doubled = ("hidden_states", "encoder_hidden_states", "timestep")
        return args, {**kwargs, **{name: torch.cat([other[name], kwargs[name]]) for name in doubled}}

    def traced(**given: Any) -> torch.Tensor:
        with imap_fast.trace(pipeline, words, steps=[0], **READ, **given) as tracer:
            generate(pipeline, **prompt, guidance_scale=1.0, num_inference_steps=1)
        return tracer.maps.imap

    alone = traced()
    pipeline.transformer.register_forward_pre_hook(in_halves, with_kwargs=True)
    pipeline.transformer.register_forward_hook(lambda _, args, output: (output[0].chunk(2)[1],))
    with pytest.raises(ValueError, match=r"WanPipeline passes a batch of 2 for 1 videos.*pass guided=True"):
        traced()
    assert_close(traced(guided=True), alone, 1e-4)


def test_a_pipeline_without_the_calls_of_a_run_is_refused(
    unknown_pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(diffusers.WanPipeline, "prepare_latents")
    with pytest.raises(TypeError, match="WanPipeline has no prepare_latents, by which a trace follows a run"):
        with imap_fast.trace(unknown_pipeline, ["cat"], **READ):
            pass
