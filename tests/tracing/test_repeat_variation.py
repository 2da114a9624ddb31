"""How much the forward passes of a trace differ is that of their maps one by one, though only a sum is kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.maps.agreement import agreement, sums_of_repeats
from imap_fast.tracing.repeat_variation import RepeatVariation, agreement_of_repeats
from imap_fast.tracing.running_maps import token_weights
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.pipelines import PROMPT, generate
from tests.precision import default_dtype
from tests.tracing.test_operations import DeviceOperations

STEPS = 4
CALL = {"num_inference_steps": STEPS}


def traced(
    pipeline, architecture: Architecture, prompt: str | list[str] = PROMPT, concepts: object = ("cat", "a"), **arguments
) -> SaliencyMaps:
    with imap_fast.trace(pipeline, concepts, **{**architecture.arguments, **arguments}) as tracer:
        generate(pipeline, prompt, **CALL)
    return tracer.maps


def assert_those_of_single_steps(maps: SaliencyMaps, steps: list[SaliencyMaps]) -> None:
    """Agreement and spread by brute force, from a trace of each step."""
    for name in maps.maps:
        repeats = torch.stack([step.maps[name] for step in steps]).double()
        assert_close(maps.spreads[name], repeats.std(0), 1e-4)
        for video in range(len(repeats[0]) if repeats.ndim == 6 else 1):
            one, found = (repeats[:, video], maps.video(video)) if repeats.ndim == 6 else (repeats, maps)
            expected = agreement(sums_of_repeats(one.permute(2, 0, 1, 3, 4)), one[0, 0].numel())
            torch.testing.assert_close(found.agreements[name], expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_generated_video_varies_over_its_steps(architecture: Architecture) -> None:
    pipeline = architecture.pipeline()
    maps = traced(pipeline, architecture)
    assert maps.settings["repeats"] == {"of": "steps", "count": STEPS}
    assert_those_of_single_steps(maps, [traced(pipeline, architecture, steps=[step]) for step in range(STEPS)])
    assert 0 < maps.agreement.max() <= 1
    assert maps.spread.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("concepts", [("cat", "running"), None], ids=["words", "every token"])
@pytest.mark.parametrize("prompt", [PROMPT, [PROMPT] * 2], ids=["one video", "two videos"])
@pytest.mark.parametrize("name", ["cogvideox", "wan"])
def test_words_of_several_tokens_vary_as_their_mean(name: str, concepts: object, prompt: object) -> None:
    architecture = ARCHITECTURES[name]
    read = {"match": "prompt", "concepts": concepts, "prompt": prompt, "maps": ("imap", "cross_attention")}
    pipeline = architecture.pipeline()
    maps = traced(pipeline, architecture, steps=[0, 1, 3], **read)
    assert_those_of_single_steps(maps, [traced(pipeline, architecture, steps=[step], **read) for step in (0, 1, 3)])


def test_one_step_tells_nothing(architecture: Architecture) -> None:
    maps = traced(architecture.pipeline(), architecture, steps=[1])
    assert (maps.agreement, maps.agreements, maps.spreads) == (None, None, None)
    assert "repeats" not in maps.settings
    with pytest.raises(AttributeError, match="explain with noises=2 or more"):
        _ = maps.spread


@pytest.mark.slow
@pytest.mark.parametrize("steps", [None, [1]])
def test_the_repeats_of_a_mean_of_runs_are_the_runs(architecture: Architecture, steps: list[int] | None) -> None:
    pipeline, arguments = architecture.pipeline(), {**architecture.arguments, "steps": steps}
    concepts = ("cat", "a")

    def traced_seeds(*seeds: int) -> SaliencyMaps:
        with imap_fast.trace(pipeline, concepts, **arguments, runs="mean") as tracer:
            for seed in seeds:
                generate(pipeline, PROMPT, **CALL, seed=seed)
        return tracer.maps

    maps = traced_seeds(1, 2, 3)
    assert maps.settings["repeats"] == {"of": "runs", "count": 3}
    assert_those_of_single_steps(maps, [traced_seeds(seed) for seed in (1, 2, 3)])
    assert traced_seeds(1).agreement is None


@pytest.mark.slow
@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_autocast_lowers_nothing(match: str) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    pipeline = architecture.pipeline()
    with torch.autocast("cpu", torch.bfloat16):
        maps = traced(pipeline, architecture, match=match)
        steps = [traced(pipeline, architecture, match=match, steps=[step]) for step in range(STEPS)]
    assert_those_of_single_steps(maps, steps)


def test_maps_while_it_runs_and_after_a_reset(architecture: Architecture) -> None:
    transformer, inputs = architecture.transformer(), architecture.draw()
    with torch.no_grad(), imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        for count in (1, 2, 3):
            transformer(**inputs)
            assert tracer.maps.settings.get("repeats", {}).get("count", 1) == count
        # Three times the same.
        assert tracer.maps.spread.max() < 1e-5 * tracer.maps.imap.abs().max()
        assert tracer.maps.agreement.min() > 0.999
        tracer.reset()
        transformer(**inputs)
        assert tracer.maps.agreement is None


@pytest.mark.parametrize("inference", [(False, True), (True, False)])
def test_it_may_begin_in_inference_mode_and_go_on_outside(inference: tuple[bool, bool]) -> None:
    architecture = ARCHITECTURES["cogvideox"]
    transformer, inputs = architecture.transformer(), architecture.draw()
    with imap_fast.trace(transformer, architecture.concepts(), **architecture.arguments) as tracer:
        for mode in (*inference, *inference):
            with torch.inference_mode(mode), torch.no_grad():
                transformer(**inputs)
    assert tracer.maps.settings["repeats"]["count"] == 4


# The sums alone.


def variation_of(passes: Tensor, weights: Tensor | None = None) -> RepeatVariation:
    """After maps of S passes, `[S, V, M, K, N]`."""
    total = torch.zeros_like(passes[0])
    variation = RepeatVariation(total, weights)
    for each in passes:
        variation.begin_pass()
        total += each
        variation.end_repeat()
    return variation


SHAPES = st.tuples(*[st.integers(2, 9), st.integers(1, 3), st.integers(0, 3), st.integers(1, 4), st.integers(1, 30)])


@given(st.integers(0, 2**32), SHAPES, st.sampled_from([0.0, 1.0, 100.0]))
def test_it_is_that_of_single_passes(seed: int, shape: tuple[int, ...], offset: float) -> None:
    passes = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + offset
    variation, tolerance = variation_of(passes), 1e-5 * (1 + offset)
    expected = (passes - passes.mean(0)).double().square().sum(0)
    torch.testing.assert_close(variation.squares().double(), expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(variation.levels(), passes.mean(-1).movedim(0, -1), rtol=0, atol=tolerance)


@given(st.integers(0, 2**32), st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True), min_size=1))
def test_tokens_are_averaged_before(seed: int, tokens: list[list[int]]) -> None:
    passes = torch.randn(5, 2, 2, 4, 6, generator=torch.Generator().manual_seed(seed))
    words = torch.stack([passes[..., rows, :].mean(-2) for rows in tokens], dim=-2)
    found = variation_of(passes, token_weights(tokens, 4)).squares()
    torch.testing.assert_close(found, (words - words.mean(0)).square().sum(0), rtol=1e-4, atol=1e-4)


@given(st.integers(0, 2**32), st.integers(2, 6))
def test_the_agreement_is_that_of_the_maps_of_passes(seed: int, passes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(1, 2, 3, 2, 4, 5, generator=generator) + torch.randn(passes, 2, 3, 2, 4, 5, generator=generator)
    flat = maps.flatten(-3)
    variation = variation_of(flat[:, :, None])
    squares = variation.squares()[:, 0].unflatten(-1, (2, 4, 5))
    found = agreement_of_repeats(maps.mean(0), squares, variation.levels()[:, 0])
    for video in range(2):
        expected = agreement(sums_of_repeats(maps[:, video].double().permute(2, 0, 1, 3, 4)), 40)
        torch.testing.assert_close(found[video], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_a_large_offset_costs_no_digits_of_the_agreement(offset: float) -> None:
    generator = torch.Generator().manual_seed(1)
    signal, noises = (
        torch.randn(1, 1, 1, 1, 400, generator=generator),
        torch.randn(5, 1, 1, 1, 400, generator=generator),
    )
    passes = signal + noises + offset
    variation = variation_of(passes)
    shape = (2, 10, 20)
    mean, squares = passes.mean(0)[:, 0].unflatten(-1, shape), variation.squares()[:, 0].unflatten(-1, shape)
    found = agreement_of_repeats(mean, squares, variation.levels()[:, 0])
    repeats = passes[:, 0, 0].double().unflatten(-1, shape)  # [k, C, F, H, W]
    expected = agreement(sums_of_repeats(repeats.permute(2, 0, 1, 3, 4)), 400)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=0.02)


def test_maps_that_are_constant_in_space_agree_on_nothing() -> None:
    levels = torch.tensor([1.0, 3.7, 9.1])[:, None, None, None, None].expand(3, 1, 1, 1, 400)
    variation, shape = variation_of(levels), (2, 10, 20)
    mean, squares = levels.mean(0)[:, 0].unflatten(-1, shape), variation.squares()[:, 0].unflatten(-1, shape)
    assert agreement_of_repeats(mean, squares, variation.levels()[:, 0]).item() == 0


def test_what_fp32_rounds_at_a_large_offset_is_no_map_of_a_concept() -> None:
    rounding = 2.0**-14 * torch.arange(400).remainder(2)  # a digit of fp32 at 1000
    faint = 1e-4 * torch.randn(400, generator=torch.Generator().manual_seed(0))
    mean = torch.stack([1000 + rounding, faint]).reshape(1, 2, 2, 10, 20)
    same = torch.zeros_like(mean), mean.flatten(2).mean(-1, keepdim=True).expand(1, 2, 3)
    assert agreement_of_repeats(mean, *same).tolist() == [[0, 1]]


def test_the_variation_is_fp32_whatever_the_default_dtype_is() -> None:
    with default_dtype(torch.float64):
        variation = variation_of(torch.ones(2, 1, 1, 1, 4, dtype=torch.float32))
    assert variation.squares().dtype == torch.float32


def test_one_pass_does_not_vary() -> None:
    with pytest.raises(RuntimeError, match="no variation without two repeats, and 1 ended"):
        variation_of(torch.zeros(1, 1, 1, 1, 4)).squares()


@pytest.mark.parametrize("weights", [None, torch.eye(3)])
def test_a_pass_costs_a_few_operations(weights: Tensor | None) -> None:
    total = torch.zeros(1, 2, 3, 50)
    variation = RepeatVariation(total, weights)
    for most in (2, 7, 6, 6):
        with DeviceOperations() as seen:
            variation.begin_pass()
            variation.end_repeat()
        assert len(seen.names) <= most, seen.names


def test_a_single_pass_keeps_no_copy_of_the_maps() -> None:
    transformer, inputs = ARCHITECTURES["cogvideox"].transformer(), ARCHITECTURES["cogvideox"].draw()
    concepts, arguments = ARCHITECTURES["cogvideox"].concepts(), ARCHITECTURES["cogvideox"].arguments
    with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
        for copies in (0, 4):  # the sum before the pass, and the squares, of the contrasts and of the baselines
            transformer(**inputs)
            kept = [vars(each) for each in tracer.running_maps._variations]
            assert sum(each[name] is not None for each in kept for name in ("_before", "_squares")) == copies


def test_what_is_kept_is_on_the_device_in_its_own_dtype() -> None:
    variation = variation_of(torch.zeros(3, 1, 2, 3, 4, device="meta"))
    assert (variation.squares().device.type, variation.levels().device.type) == ("meta", "meta")
    assert (variation.squares().dtype, variation.levels().dtype) == (torch.float32, torch.float32)
