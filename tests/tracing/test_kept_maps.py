"""The maps of single layers, steps and heads are those of traces that read nothing else, to the last bit."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.explainer import Explainer
from imap_fast.models.read_layer import ReadLayer
from imap_fast.tracing.kept_maps import KeptMaps
from imap_fast.tracing.kept_memory import check_room, kept_bytes, size
from imap_fast.tracing.kept_stores import MemoryStore
from imap_fast.tracing.running_maps import RunningMaps
from imap_kernels import gram_column, qk_match
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.pipelines import generate

WORDS = ["red cat", "grass"]
LAYERS, STEPS = (0, 1, 2), (0, 1, 2)


def traced(architecture: Architecture, **changed: object) -> SaliencyMaps:
    """The maps of three passes of two videos, whose latents differ."""
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2, padding=9)
    arguments = {**architecture.arguments, "layers": LAYERS, **changed}
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **arguments) as tracer:
        for step in STEPS:
            transformer(**{**inputs, "hidden_states": inputs["hidden_states"] + step})
    return tracer.maps


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("normalize", ["none", "softmax"])
def test_each_layer_in_each_step(architecture: Architecture, normalize: str) -> None:
    kept = traced(architecture, keep=["steps", "layers"], normalize=normalize)
    assert kept.keep == ("layers", "steps")
    for position, layer in enumerate(LAYERS):
        for step in STEPS:
            alone = traced(architecture, layers=[layer], steps=[step], normalize=normalize)
            found = {name: values[:, position, step] for name, values in kept.by_layer_and_step.items()}
            assert same(found, alone.maps)


@pytest.mark.parametrize("keep", [["layers"], ["layers", "steps"]])
def test_each_layer(architecture: Architecture, keep: list[str]) -> None:
    kept = traced(architecture, keep=keep)
    for position, layer in enumerate(LAYERS):
        alone = traced(architecture, layers=[layer])
        assert same({name: values[:, position] for name, values in kept.by_layer.items()}, alone.maps)


@pytest.mark.parametrize("keep", ["steps", ["layers", "steps"]])
def test_each_step(architecture: Architecture, keep: list[str]) -> None:
    kept = traced(architecture, keep=keep)
    for step in STEPS:
        alone = traced(architecture, steps=[step])
        assert same({name: values[:, step] for name, values in kept.by_step.items()}, alone.maps)


def test_plain_maps_are_the_same_bits_and_the_mean_of_what_is_kept(architecture: Architecture) -> None:
    plain = traced(architecture)
    for keep in (["layers"], ["steps"], ["layers", "steps"]):
        kept = traced(architecture, keep=keep, heads=[(1, 0)])
        assert same(kept.maps, plain.maps)
        for axis in keep:
            by = kept.by_layer if axis == "layers" else kept.by_step
            for name, values in plain.maps.items():
                assert_close(by[name].mean(1), values, 1e-6)


def test_in_one_pass_over_o(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningMaps, "one_pass", True)
    plain, kept = traced(architecture), traced(architecture, keep=["layers", "steps"])
    assert same(kept.maps, plain.maps)
    assert same({name: values[:, 1, 2] for name, values in kept.by_layer_and_step.items()},
                traced(architecture, layers=[1], steps=[2]).maps)  # fmt: skip


def test_a_head_is_its_own_contrast(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map of a head is that of a model that has no other head."""
    heads, sums, add_layer = [(2, 1), (0, 0), (2, 0)], {}, RunningMaps.add_layer

    def beside(running: RunningMaps, read: ReadLayer) -> None:
        surrogates = qk_match(read.query, read.text.key, frames=running.grid[0])
        for of_layer, head in heads:
            if of_layer == read.layer:
                only, out = slice(head, head + 1), torch.zeros_like(running.contrast_sum[0, :1])
                gram_column(
                    read.features[only],
                    surrogates[only],
                    multiplicity=read.text.multiplicity,
                    head_weights=torch.ones(1, 1),
                    out=out,
                )
                key = read.layer, head, read.video
                sums[key] = sums.get(key, 0) + out[0]
        add_layer(running, read)

    monkeypatch.setattr(RunningMaps, "add_layer", beside)
    maps = traced(architecture, heads=heads)
    assert list(maps.by_head) == heads
    for (layer, head), found in maps.by_head.items():
        assert found.std() > 0
        for video in range(2):
            expected = (sums[layer, head, video] / len(STEPS)).unflatten(-1, maps.grid)
            assert torch.equal(found[video, : len(expected)], expected)


def test_heads_of_a_layer_sum_to_gramcol(architecture: Architecture) -> None:
    transformer = architecture.transformer()
    heads = [(1, head) for head in range(transformer.config.num_attention_heads)]
    maps = traced(architecture, layers=[1], heads=heads)
    assert_close(maps.single_heads.sum(1), maps.gramcol, 1e-5)


def test_runs_of_a_pipeline(architecture: Architecture) -> None:
    """What is kept of a mean of runs is the mean over the runs."""
    pipe = architecture.pipeline()

    def run(seeds: list[int], **changed: object) -> SaliencyMaps:
        arguments = {"layers": [0, 2], "top_k": 2, "keep": ["layers", "steps"], "runs": "mean", **changed}
        if architecture.prompt_only:
            arguments["match"] = "prompt"
        with imap_fast.trace(pipe, WORDS, **arguments) as tracer:
            for seed in seeds:
                generate(pipe, seed=seed)
        return tracer.maps

    both, first, second = run([0, 1]), run([0]), run([1])
    assert both.kept["imap"].shape[:2] == (2, len(both.steps))
    for name, values in both.kept.items():
        assert_close(values, (first.kept[name] + second.kept[name]) / 2, 1e-6)


def test_words_of_several_tokens(architecture: Architecture) -> None:
    pipe = architecture.pipeline()
    arguments = {"match": "prompt", "layers": [0, 2], "top_k": 2, "steps": [1]}

    def run(**changed: object) -> SaliencyMaps:
        with imap_fast.trace(pipe, WORDS, **{**arguments, **changed}) as tracer:
            generate(pipe)
        return tracer.maps

    kept = run(keep=["layers", "steps"], heads=[(2, 1)])
    assert same({name: values[1, 0] for name, values in kept.kept.items()}, run(layers=[2]).maps)
    assert kept.by_head[2, 1].shape == kept.imap.shape


def test_what_was_shown_does_not_change() -> None:
    """Each value of `on_step` holds the steps so far, also after the next steps."""
    shown: list[tuple[int, SaliencyMaps]] = []
    architecture = ARCHITECTURES["cogvideox"]
    whole = traced(architecture, keep=["steps"], on_step=lambda step, maps: shown.append((step, maps)))
    assert [step for step, _ in shown] == list(STEPS)
    for step, maps in shown:
        until = list(STEPS[: step + 1])
        assert maps.steps == tuple(until)
        assert same(maps.maps, traced(architecture, steps=until).maps)
        assert same(maps.kept, {name: values[:, :, : step + 1] for name, values in whole.kept.items()})


@pytest.mark.parametrize("argument", ["on_step", "folder"])
def test_what_is_of_one_generated_video(argument: str) -> None:
    pipe = ARCHITECTURES["cogvideox"].pipeline()
    with pytest.raises(ValueError, match=f"^{argument} is for trace, whose steps make one video; omit it$"):
        Explainer(pipe, "a cat", ["cat"], keep=["steps"], **{argument: print})


def test_what_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="on_step=5 cannot be called; give a function of a step and maps"):
        traced(ARCHITECTURES["cogvideox"], on_step=5)


def test_a_refused_trace_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layer 99 does not exist"):
        traced(ARCHITECTURES["cogvideox"], layers=[99], keep="steps", folder=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_an_error_of_on_step_stops_the_run() -> None:
    def stop(step: int, maps: SaliencyMaps) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        traced(ARCHITECTURES["cogvideox"], on_step=stop)


def test_more_steps_than_expected() -> None:
    """Nobody knows how many steps a loop of the user has."""
    store = MemoryStore(["imap"], 1)
    kept = KeptMaps(["layers", "steps"], 2, torch.Size([1, 1, 2, 3]), torch.device("cpu"), lambda rows: rows, store)
    for step in range(5):
        kept.begin_pass(step)
        for position in range(2):
            kept.add(position, 0, torch.full((1, 2, 3), 10.0 * step + position))
        kept.end_pass()
    assert kept.maps()["imap"][:, :, 0, 0, 0].tolist() == [[0, 1], [10, 11], [20, 21], [30, 31], [40, 41]]


class Sent:
    """The event of a page that is on its way from a device."""

    has_arrived = False

    def query(self) -> bool:
        return self.has_arrived

    def synchronize(self) -> None:
        self.has_arrived = True


def test_pages_are_added_in_order_as_they_arrive() -> None:
    added: list[int] = []
    store = SimpleNamespace(add=lambda step, page: added.append(step), maps=dict)
    kept = KeptMaps(["steps"], 1, torch.Size([1, 1, 2, 3]), torch.device("cpu"), lambda rows: rows, store)
    kept.begin_pass(0)
    kept.end_pass()
    assert added == [0], "it waits for nothing"
    sent = [Sent(), Sent(), Sent()]
    kept._in_flight.extend((step, torch.zeros(1), event) for step, event in enumerate(sent, 1))
    for step, arrives, expected in ((4, 1, [0]), (5, 0, [0, 1, 2])):
        sent[arrives].has_arrived = True
        kept.begin_pass(step)
        kept.end_pass()
        assert added == expected
    kept.maps()
    assert (added, sent[2].has_arrived) == ([0, 1, 2, 3, 4, 5], True)


def test_a_later_run_does_not_change_what_was_shown() -> None:
    store, page = MemoryStore(["imap"], 1), torch.ones(1, 1, 1, 1, 3)
    store.add(0, page)
    shown = store.maps()["imap"]
    store.add(0, 3 * page)
    assert shown.unique().tolist() == [1]
    assert store.maps()["imap"].unique().tolist() == [2]


@pytest.mark.parametrize("keep", [["steps"], ["layers", "steps"]])
def test_a_folder_holds_the_same_bits(architecture: Architecture, tmp_path: Path, keep: list[str]) -> None:
    on_disk = traced(architecture, keep=iter(keep), folder=tmp_path / "kept")
    in_memory = traced(architecture, keep=keep)
    assert same(on_disk.kept, in_memory.kept)
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == [
        f"kept.{name}.npy" for name in sorted(in_memory.maps)
    ]
    one = np.load(tmp_path / "kept" / "kept.imap.npy", mmap_mode="r")[2, 0]  # a step
    assert np.array_equal(one, in_memory.kept["imap"][:, 0, 2].numpy())


def test_a_folder_holds_the_last_run(tmp_path: Path) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    pipe = architecture.pipeline()
    arguments = {"layers": [0], "top_k": 2, "keep": ["steps"], "folder": tmp_path}
    found = []
    with imap_fast.trace(pipe, WORDS, **arguments) as tracer:
        for seed in (0, 1):
            generate(pipe, seed=seed)
            found.append({name: values.clone() for name, values in tracer.maps.kept.items()})
        again = tracer.maps
    assert same(again.kept, found[1])
    assert not same(found[0], found[1])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"keep": ["layers"]}, "is for the maps of steps; add 'steps' to keep, or omit folder"),
        ({"keep": []}, "is for the maps of steps"),
        ({"keep": "steps", "runs": "mean"}, "holds the maps of one run; omit it, or runs='mean'"),
    ],
)
def test_what_a_folder_cannot_hold(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        traced(ARCHITECTURES["cogvideox"], folder=tmp_path / "kept", **changed)
    assert not (tmp_path / "kept").exists()


def test_a_folder_of_another_trace_is_not_replaced(tmp_path: Path) -> None:
    traced(ARCHITECTURES["cogvideox"], folder=tmp_path, keep="steps")
    with pytest.raises(ValueError, match=r"already holds kept\.concept_attention\.npy; give another folder"):
        traced(ARCHITECTURES["cogvideox"], folder=tmp_path, keep="steps")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        traced(ARCHITECTURES["cogvideox"], folder=tmp_path / "file", keep="steps")


class Made(TorchDispatchMode):
    """Counts operations."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations += 1
        return func(*args, **(kwargs or {}))


def operations(**changed: object) -> int:
    architecture = ARCHITECTURES["cogvideox"]
    transformer, inputs = architecture.transformer(), architecture.draw()
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments, **changed):
        transformer(**inputs)
        with Made() as made:
            transformer(**inputs)
    return made.operations


@pytest.mark.usefixtures("unwrapped_operations")
def test_a_step_without_keep_does_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    without = operations()
    assert operations(keep=["layers"]) > without

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("it is not asked for")

    monkeypatch.setattr(KeptMaps, "__init__", refuse)
    assert operations() == without


def test_memory_is_said_and_checked(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    with caplog.at_level(logging.INFO):
        traced(architecture, keep=["layers"], maps=["imap"], steps=[0])
    # 3 layers, 2 videos, 3 concepts and 18 tokens of 4 bytes
    assert f"keep=layers takes {4 * 3 * 2 * 3 * 18 / 1e3:.1f} kB of memory" in caplog.text
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(ValueError, match=r"keep=layers takes 1\.3 kB of memory, and 1\.0 kB are free; keep one axis"):
        traced(architecture, keep=["layers"], maps=["imap"], steps=[0])


def test_the_memory_of_a_pipeline_is_that_of_all_its_steps(caplog: pytest.LogCaptureFixture) -> None:
    pipe = ARCHITECTURES["cogvideox"].pipeline()
    with caplog.at_level(logging.INFO), imap_fast.trace(pipe, WORDS, keep="steps", maps="imap", top_k=2) as tracer:
        generate(pipe)
    assert len(tracer.maps.steps) > 1
    assert f"keep=steps takes {size(tracer.maps.kept['imap'].nbytes)} of memory\n" in caplog.text + "\n"


def test_a_loop_of_unknown_length_is_checked_as_it_goes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    with caplog.at_level(logging.INFO):
        traced(architecture, keep=["steps"], maps=["imap"])
    page = 4 * 2 * 3 * 18
    assert f"keep=steps takes {size(page)} of memory for each step" in caplog.text
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1.5 * page))
    with pytest.raises(ValueError, match=r"keep takes 0\.9 kB of memory after 1 steps, and 0\.6 kB are free; keep one"):
        traced(architecture, keep=["steps"], maps=["imap"])


def test_room_is_what_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for keep, planes in (((), 1), (("layers",), 3), (("steps",), 5), (("layers", "steps"), 15)):
        settings = SimpleNamespace(layers=(0, 4, 8), keep=keep, maps=("imap", "cross_attention"))
        assert (
            kept_bytes(settings, {"imap": 2, "cross_attention": 1, "text_attention": 1}, 10, 5) == 4 * planes * 10 * 3
        )
    assert [size(count) for count in (10, 999_949, 10**6, 25 * 10**8)] == ["0.0 kB", "999.9 kB", "1.0 MB", "2.5 GB"]
    monkeypatch.setattr(psutil, "disk_usage", lambda folder: SimpleNamespace(free=5000))
    check_room(["steps"], 5000, tmp_path)
    with pytest.raises(ValueError, match=rf"takes 5\.0 kB of the disk of {tmp_path}, and 5\.0 kB are free"):
        check_room(["steps"], 5001, tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"runs": "mean", "on_step": print}, "on_step gets the maps of one run; omit it, or runs='mean'"),
        ({"keep": ["heads"]}, "keep='heads' is unknown; choose from layers, steps"),
        ({"keep": 3}, "keep=3 is unknown"),
        ({"heads": [(5, 0)]}, "heads names layer 5, which is not read; name one of 0, 2, or add it to layers"),
        ({"heads": [(2, 99)]}, "heads names head 99 of layer 2; the model has heads 0 to"),
        ({"heads": [(2, -1)]}, "heads names head -1 of layer 2"),
        ({"heads": [3]}, "give pairs of a layer and a head, like"),
        ({"heads": [(True, 0)]}, "give pairs of a layer and a head, like"),
        (
            {"heads": [(2, 0)], "maps": ["cross_attention"]},
            "neither imap nor gramcol is made; name concepts",
        ),
    ],
)
def test_impossible_values(changed: dict[str, object], message: str) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    with pytest.raises(ValueError, match=message):
        imap_fast.trace(architecture.transformer(), architecture.concepts(), **{**architecture.arguments, **changed})
