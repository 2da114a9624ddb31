"""What is kept between layers and steps is the mean over them."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import product

import pytest
import torch

from imap_fast.maps.names import CONTRASTED, MAP_NAMES
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.text_rows import TextRows
from imap_fast.tracing import running_maps as module
from imap_fast.tracing.most_chosen import most_chosen
from imap_fast.tracing.repeat_variation import token_weights
from imap_fast.tracing.running_maps import RunningMaps
from imap_kernels import SCORES, frame_separation, motion_heads
from tests.assertions import assert_close
from tests.precision import default_dtype

GRID, HEADS, KEYS, DIM = (3, 2, 4), 5, 4, 8
LAYERS, VIDEOS, STEPS, TOP_K = (1, 4), 2, 3, 2
TOKENS = 3 * 2 * 4
MAPS = MAP_NAMES
CPU = torch.device("cpu")


def running_maps(
    score: str = "chi",
    given_heads: tuple[tuple[int, ...], ...] | None = None,
    device: torch.device = CPU,
    surrogates: str = "argmax",
) -> RunningMaps:
    return RunningMaps(
        maps=MAPS,
        num_text=KEYS,
        num_concepts=KEYS,
        tokens=None,
        videos=VIDEOS,
        grid=GRID,
        layers=LAYERS,
        surrogates=surrogates,
        heads=HEADS,
        head_score=score,
        top_k=TOP_K,
        given_heads=given_heads,
        normalize="none",
        backend="reference",
        device=device,
    )


@pytest.fixture
def steps() -> list[dict[tuple[int, int], ReadLayer]]:
    """By step: what is read, by layer and video."""
    generator = torch.Generator().manual_seed(0)

    def drawn(rows: int) -> torch.Tensor:
        # A head tells the frames apart as far as they drift; every head and every step drifts in its own way.
        drift = torch.randn(HEADS, 1, 1, generator=generator) * (torch.arange(rows) // 8)[:, None]
        return torch.randn(HEADS, rows, DIM, generator=generator) + drift

    def read_layer(layer: int, video: int) -> ReadLayer:
        query, features = drawn(TOKENS), drawn(TOKENS)
        text = TextRows(drawn(KEYS), drawn(KEYS), torch.ones(KEYS))
        return ReadLayer(layer=layer, video=video, query=query, features=features, text=text, concepts=text)

    return [{place: read_layer(*place) for place in product(LAYERS, range(VIDEOS))} for _ in range(STEPS)]


def read(maps: RunningMaps, steps) -> RunningMaps:
    for layers in steps:
        for layer in layers.values():
            maps.add_layer(layer)
        maps.end_pass()
    return maps


def test_maps_and_scores_are_means_over_steps(steps) -> None:
    whole, apart = read(running_maps(), steps), [read(running_maps(), [step]) for step in steps]
    for name, values in whole.means().items():
        assert values.std() > 0
        assert_close(values, sum(each.means()[name] for each in apart) / STEPS, 1e-6)
    assert_close(whole.head_scores(), sum(each.head_scores() for each in apart) / STEPS, 1e-6)
    assert_close(whole.chosen_sum, sum(each.chosen_sum for each in apart), 0)


@pytest.mark.parametrize("score", SCORES)
def test_scores_are_those_of_each_layer_and_video(steps, score: str) -> None:
    found = read(running_maps(score), steps).head_scores()
    for position, layer in enumerate(LAYERS):
        for video in range(VIDEOS):
            each = [frame_separation(step[layer, video].features, frames=GRID[0], score=score) for step in steps]
            assert_close(found[video, position], sum(each) / STEPS, 1e-6)


def test_the_heads_chosen_in_most_steps_are_selected(steps) -> None:
    found = read(running_maps(), steps).selected_heads()
    assert found.shape == (VIDEOS, len(LAYERS), TOP_K)
    for position, layer in enumerate(LAYERS):
        for video in range(VIDEOS):
            scores = torch.stack([frame_separation(step[layer, video].features, frames=GRID[0]) for step in steps])
            votes = motion_heads(scores, score="chi", top_k=TOP_K).flatten().bincount(minlength=HEADS)
            ranked = sorted(range(HEADS), key=lambda head: (-votes[head], -scores[:, head].mean()))
            assert found[video, position].tolist() == ranked[:TOP_K]


def test_votes_count_before_the_mean_score() -> None:
    votes, scores = torch.tensor([1.0, 2, 0, 2, 1]), torch.tensor([9.0, 1, 8, 2, 7])
    assert most_chosen(votes, scores, head_score="chi", top_k=4).tolist() == [3, 1, 0, 4]
    assert most_chosen(votes, scores, head_score="dbi", top_k=4).tolist() == [1, 3, 4, 0]


def test_given_heads_are_taken_instead_of_the_best(steps) -> None:
    given = ((4, 0), (1, 2))
    maps = read(running_maps(given_heads=given), steps)
    assert maps.selected_heads().sort().values.tolist() == [[sorted(heads) for heads in given]] * VIDEOS
    for position, heads in enumerate(given):
        assert maps.chosen_sum[:, position, list(heads)].eq(STEPS).all()
    assert_close(maps.head_scores(), read(running_maps(), steps).head_scores(), 0)
    assert not torch.equal(maps.means()["imap"], read(running_maps(), steps).means()["imap"])


def test_given_heads_are_known_whatever_the_default_device_is() -> None:
    with torch.device("meta"):
        maps = running_maps(given_heads=((4, 0), (1, 2)))
    assert maps.given_heads.tolist() == [[4, 0], [1, 2]]


def test_weights_of_tokens_depend_on_no_default() -> None:
    with torch.device("meta"), default_dtype(torch.float64):
        weights = token_weights(((0, 2), (1,)), 3)
    assert weights.dtype == torch.float32
    assert weights.tolist() == [[0.5, 0, 0.5], [0, 1, 0]]


def test_what_is_kept_is_on_the_device_in_its_own_dtype() -> None:
    with default_dtype(torch.float64):
        maps = running_maps(given_heads=((4, 0), (1, 2)), device=torch.device("meta"))
    kept = {name: value for name, value in vars(maps).items() if isinstance(value, torch.Tensor)}
    assert {value.device.type for value in kept.values()} == {"meta"}
    assert {name: value.dtype for name, value in kept.items()} == {
        "given_heads": torch.int64,
        "contrast_sum": torch.float32,
        "region_sum": torch.float32,
        "single_head_sum": torch.float32,
        "text_attention_sum": torch.float32,
        "baseline_sum": torch.float32,
        "score_sum": torch.float32,
        "chosen_sum": torch.float32,
        "head_weights": torch.float32,
        "_one": torch.float32,
        "_not_finite": torch.int32,
        "_numbers": torch.int64,
        "_first_not_finite": torch.int64,
    }


@pytest.mark.parametrize("maps", [("imap", "gramcol"), ("imap",), ("gramcol",), ("cross_attention",)])
def test_one_pass_over_o_gives_the_same(steps, maps: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "MAPS", maps)
    expected = read(running_maps(), steps)
    monkeypatch.setattr(RunningMaps, "one_pass", True)
    found = read(running_maps(), steps)
    assert tuple(found.means()) == maps
    for name, values in found.means().items():
        assert_close(values, expected.means()[name], 1e-6)
    assert_close(found.head_scores(), expected.head_scores(), 1e-6)
    assert torch.equal(found.chosen_sum, expected.chosen_sum)


@pytest.mark.parametrize("part", ["query", "features", "text key", "concept key", "concept output"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_each_part_that_is_not_finite_is_noted(steps, part: str, value: float) -> None:
    maps = read(running_maps(), steps[:2])
    assert maps.first_not_finite() is None
    layer = steps[2][4, 0]
    text, concepts = (
        replace(layer.text, key=layer.text.key.clone(), output=layer.text.required_output.clone()) for _ in range(2)
    )
    layer = replace(layer, text=text, concepts=concepts)
    parts = {
        "query": layer.query,
        "features": layer.features,
        "text key": text.key,
        "concept key": concepts.key,
        "concept output": concepts.required_output,
    }
    parts[part][2, 1, 3] = value
    maps.add_layer(layer)
    maps.end_pass()
    assert maps.first_not_finite() == (4, 2)
    maps.add_layer(replace(layer, layer=1, video=1))
    assert maps.first_not_finite() == (4, 2), "the first stays"
    maps.end_pass()
    read(maps, steps[:1])
    assert maps.first_not_finite() == (4, 2), "the first stays"


@pytest.mark.parametrize("one_pass", [False, True])
def test_features_that_are_not_finite_are_noted_without_baselines(
    steps, one_pass: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "MAPS", CONTRASTED)
    monkeypatch.setattr(RunningMaps, "one_pass", one_pass)
    steps[1][4, 1].features[2, 5, 3] = math.inf
    assert read(running_maps(), steps).first_not_finite() == (4, 1)


def test_finite_values_may_have_a_sum_beyond_their_dtype() -> None:
    maps, rows = running_maps(), torch.full((HEADS, TOKENS, DIM), 200.0, dtype=torch.float16)
    text = TextRows(rows[:, :KEYS], rows[:, :KEYS], torch.ones(KEYS))
    assert rows.sum().isinf()
    maps.add_layer(ReadLayer(layer=1, video=0, query=rows, features=rows, text=text, concepts=text))
    assert maps.first_not_finite() is None


def test_a_layer_of_another_size_is_refused(steps) -> None:
    layer = steps[0][1, 0]
    with pytest.raises(RuntimeError, match=r"^block 1 has heads and tokens \[5, 23\], not \[5, 24\]$"):
        running_maps().add_layer(replace(layer, features=layer.features[:, 1:]))
    with pytest.raises(RuntimeError, match=r"^block 4 has heads and tokens \[4, 24\], not \[5, 24\]$"):
        running_maps().add_layer(replace(layer, layer=4, query=layer.query[1:]))


@pytest.mark.parametrize("one_pass", [False, True])
def test_every_kernel_runs_on_the_chosen_backend(steps, one_pass: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunningMaps, "one_pass", one_pass)
    used, scores = [], "gram_separation" if one_pass else "frame_separation"
    for name in (scores, "select_heads", "qk_match", "gram_column", "head_similarity"):
        kernel = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, kernel=kernel, **named: used.append(named["backend"]) or kernel(*args, **named)
        )
    read(running_maps(), steps[:1])
    assert used == ["reference"] * len(LAYERS) * VIDEOS * 6
