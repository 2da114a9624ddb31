"""The benchmark of a step: it runs, all variants compute the same step, and its arithmetic is correct."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXPipeline
from PIL import Image

import imap_fast
from benchmarks import pipeline
from benchmarks.flops import step_flops
from benchmarks.models import MODELS
from benchmarks.plot import main as draw_pictures
from benchmarks.plot import plot
from benchmarks.record import row, write
from benchmarks.steps import Measured, interleaved, measure, model_rows, rows_of, sweep_rows
from benchmarks.variants import TRACES, VARIANTS, Steps
from imap_fast.demo.shipped_model import MODEL
from tests.assertions import assert_close


def tiny(**arguments: object) -> Steps:
    return Steps.of(MODELS["tiny"], "cpu", torch.float32, concepts=3, **arguments)


def test_calls_take_turns_and_the_first_round_is_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 50, 100, 150, *(each for start in range(200, 204) for each in (start, start + 0.5))])
    monkeypatch.setattr("benchmarks.steps.synchronized_clock", lambda: next(clock))
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    first, second, third = interleaved(calls, rounds=2)
    assert order == ["a", "b"] * 3
    assert first == {"a": Measured(None, 0.0, 50), "b": Measured(None, 0.0, 50)}
    assert second == third == {"a": Measured(0.5, 0.0, 50), "b": Measured(0.5, 0.0, 50)}


def test_every_variant_makes_its_step() -> None:
    steps = tiny()
    found = []
    steps.transformer.register_forward_hook(
        lambda module, args, kwargs, out: found.append((kwargs, out)), with_kwargs=True
    )
    for variant in ("stock", *TRACES, "explain"):
        steps.call(variant)()
    batches = [len(kwargs["hidden_states"]) for kwargs, _ in found]
    assert batches == [2] * (1 + len(TRACES)) + [1]
    for _, output in found[1:-1]:
        assert torch.equal(output.sample, found[0][1].sample)
    assert torch.equal(found[-1][0]["hidden_states"][0], steps.inputs["hidden_states"][1]), "the conditional half"


@pytest.mark.slow
def test_a_traced_step_reads_the_published_layers_of_a_published_model() -> None:
    with torch.device("meta"):
        steps = Steps.of(MODELS["5b"], "meta", torch.bfloat16, concepts=8)
    assert (steps.transformer.config.num_layers, steps.transformer.config.num_attention_heads) == (42, 48)
    assert steps.inputs["image_rotary_emb"][0].shape == (13 * 30 * 45, 64)
    seen = []
    steps.transformer.transformer_blocks[41].register_forward_hook(lambda *_: seen.append("last"))
    steps.call("explain")()
    assert seen == []
    steps.call("traced")()
    assert seen == ["last"]


def test_the_published_code_gets_the_same_weights_inputs_and_concepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock model, with the interface of the published class, records its calls."""
    calls = []

    class Modified(type(tiny().transformer)):
        def forward(self, *args: object, concept_hidden_states, saliency_map_kwargs, imap_layer, **kwargs: object):
            published = ("imap_sep_score", "imap_sep_topk", "imap_qk_matching_target")
            calls.append((concept_hidden_states, saliency_map_kwargs, imap_layer, [kwargs.pop(n) for n in published]))
            calls.append(super().forward(*args, **kwargs).sample)

    module = types.ModuleType("imap.cogvideox.modified_dit")
    module.ModifiedCogVideoXTransformer3DModel = Modified
    for name in ("imap", "imap.cogvideox"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    steps = tiny(authors=tmp_path)
    steps.call("authors")()
    (rows, options, layers, settings), output = calls
    assert rows.shape == (2, 226, 32)
    assert_close(rows[1, :3], steps.concepts, 1e-7)
    assert not rows[:, 3:].any()
    assert len(options["concepts"]) == 3
    assert layers == options["layers"] == [0, 1]
    assert settings == ["chi", 5, "concepts"]
    with torch.no_grad():
        assert torch.equal(output, steps.transformer(**steps.inputs).sample)


def test_ratios_are_of_one_run_and_memory_is_over_stock() -> None:
    measured = {
        "stock": Measured(2.0, 100.0, 20.0),
        "traced": Measured(1.0, 130.0, 10.0),
        "explain": Measured(0.5, 60.0, 5.0),
        "authors": Measured(8.0, 900.0, 80.0),
    }
    values = {found["name"]: found["value"] for found in rows_of("2b", "shape", measured)}
    assert values["step_ratio_2b"] == 0.5
    assert values["explain_over_stock_step_2b"] == 0.25
    assert values["authors_over_ours_2b"] == 8.0
    assert values["memory_delta_mib_2b"] == 30.0
    assert values["authors_memory_delta_mib_2b"] == 800.0
    assert values["traced_seconds_2b"] == 1.0
    assert values["traced_first_step_2b"] == 10.0


def test_after_the_first_step_only_it_is_known() -> None:
    measured = {name: Measured(None, 0.0, 3.0) for name in ("stock", "traced")}
    assert {found["name"] for found in rows_of("2b", "shape", measured)} == {
        "stock_first_step_2b",
        "traced_first_step_2b",
    }


@pytest.mark.slow
def test_rows_come_after_every_round_of_a_model_and_every_point_of_a_sweep() -> None:
    first, second = model_rows("tiny", ("stock", "traced"), "cpu", rounds=1)
    assert {found["name"] for found in second} - {found["name"] for found in first} == {
        "stock_seconds_tiny",
        "traced_seconds_tiny",
        "step_ratio_tiny",
    }
    points = list(sweep_rows("tiny", "cpu", rounds=1, concepts=(2, None), frames={9: 3, 17: 5}))
    shapes = ["tiny C=2", "tiny C=prompt", "tiny frames=9 C=8", "tiny frames=17 C=8"]
    assert [{found["shape"] for found in point} for point in points] == [{shape} for shape in shapes]


@pytest.mark.slow
def test_a_run_is_timed_by_the_step_and_read_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, trace = [], imap_fast.trace
    monkeypatch.setattr(imap_fast, "trace", lambda *a, **k: tracers.append(trace(*a, **k)) or tracers[-1])

    def once(calls: dict, rounds: int) -> list[dict[str, Measured]]:
        for call in calls.values():
            call()
        return [{"stock": Measured(6.0, 0.0, 9.0), "traced": Measured(8.0, 0.0, 9.0)}]

    monkeypatch.setattr(pipeline, "interleaved", once)
    monkeypatch.setattr(pipeline, "RUN_STEPS", 2)
    measured = pipeline.measure_runs(CogVideoXPipeline.from_pretrained(str(MODEL)), [1, 3], rounds=3)
    assert {name: found.seconds for name, found in measured.items()} == {"stock": 3.0, "traced": 4.0}
    (tracer,) = tracers
    assert (tracer.maps.layers, tracer.maps.steps) == ((1, 3), (0, 1))


def test_memory_is_omitted_if_no_allocator_reports_it() -> None:
    if torch.cuda.is_available():
        pytest.skip("the allocator of the GPU reports it")
    names = {found["name"] for found in rows_of("tiny", "tiny", measure(tiny(), ("stock", "traced"), rounds=1))}
    steps = {f"{variant}_{step}_tiny" for variant in ("stock", "traced") for step in ("seconds", "first_step")}
    assert names == steps | {"step_ratio_tiny"}


def test_a_traced_step_is_counted() -> None:
    """At full size `tests/benchmarks/test_flops.py` counts it, with more maps."""
    assert 1.005 < step_flops(MODELS["tiny"], 8) < 1.02


@pytest.mark.slow
def test_the_command_writes_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.MODELS, "2b-block", MODELS["tiny"])
    monkeypatch.setattr(
        pipeline, "peak_of_process", lambda model, variant, authors: {"stock": 5.0, "traced": 7.0}[variant]
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(pipeline, "RUN_STEPS", 2)
    monkeypatch.setattr(pipeline, "interleaved", lambda calls, rounds: interleaved(calls, 1))
    monkeypatch.setattr(pipeline, "step_flops", lambda model, concepts: 1.0005)
    output = tmp_path / "results" / "pipeline.json"
    pipeline.main(["--rounds", "1", "--models", "2b", "--output", str(output)])
    report = json.loads(output.read_text())
    assert set(report) == {"device", "date", "versions", "rows"}
    values = {found["name"]: found["value"] for found in report["rows"]}
    assert values["block_ratio_cpu_2b"] > 0
    assert values["block_ratio_memory_cpu_2b"] == 2.0
    assert values["step_ratio_cpu_demo"] > 0
    assert values["step_ratio_cpu_demo_run"] > 0
    assert values["flops_over_stock_2b"] == 1.0005
    assert values["authors_over_ours_2b"] is None
    assert not list(output.parent.glob("*.tmp"))


def test_a_panel_for_every_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.plot.PICTURES", tmp_path)
    rows = [row(f"{v}_seconds_{n}", n, i + 1.0, "s") for n in ("2b", "5b", "2b_sweep") for i, v in enumerate(VARIANTS)]
    plot(rows, tmp_path / "two.png", "a GPU")
    write([found for found in rows if found["shape"] == "2b"], tmp_path / "one.json")
    draw_pictures([str(tmp_path / "one.json")])
    assert Image.open(tmp_path / "one.png").width > 500
    assert Image.open(tmp_path / "two.png").height > 1.5 * Image.open(tmp_path / "one.png").height


def test_a_folder_without_the_published_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        pipeline.main(["--authors", str(tmp_path)])
    assert "is no checkout of the published code" in capsys.readouterr().err
