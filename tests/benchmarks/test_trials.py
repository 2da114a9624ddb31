"""The trials compute the product's maps where they should, and measure what the evaluation measures."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import CogVideoXPipeline

from benchmarks.trials import __main__ as trials
from benchmarks.trials import measures, table
from benchmarks.trials.captured import captured
from benchmarks.trials.heads import head_weights, kurtosis
from benchmarks.trials.maps import columns, contrast, text_counts, variant_maps
from benchmarks.trials.variants import MOST_NOISES, PUBLISHED, VARIANTS, Variant
from imap_fast import explain
from imap_fast.demo.shipped_model import MODEL
from imap_fast.evaluate import demo_world
from imap_fast.evaluate.localization import localization

STEP, LAYERS, TOP_K = 45, [1, 3], 3
MAPS = ("imap", "gramcol")


@pytest.fixture(scope="module")
def pipe():
    """The model that ships. In fp64, no rounding of a processor decides between two patches."""
    return CogVideoXPipeline.from_pretrained(str(MODEL)).to(torch.float64)


@pytest.fixture(scope="module")
def clip(pipe):
    return demo_world(1).clips["held_out-0"]()


@pytest.fixture(scope="module")
def passes(pipe, clip):
    return captured(pipe, clip, {40: [0], STEP: [0, MOST_NOISES]}, layers=LAYERS)[0]


@pytest.fixture(scope="module")
def product(pipe, clip):
    """The maps of `imap_fast.explain`, by the name of the surrogates, the seed and the step. Each is made once."""

    @cache
    def explained(surrogates, seed, steps, top_k):
        settings = {"layers": LAYERS, "steps": steps, "top_k": top_k, "maps": MAPS, "surrogates": surrogates}
        generator = torch.Generator().manual_seed(seed)
        return explain(pipe, clip.video, clip.caption, list(clip.concepts), generator=generator, **settings)

    def maps(surrogates="argmax", seed=0, steps=(STEP,), top_k=TOP_K):
        return explained(surrogates, seed, steps, top_k)

    return maps


def flat(maps) -> torch.Tensor:
    return torch.stack([maps.maps[name].flatten(1) for name in MAPS]).double()


def assert_same(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """The product keeps its sums in fp32."""
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("surrogates", ["argmax", "frame", "clip"])
@pytest.mark.parametrize("seed", [0, MOST_NOISES])
def test_maps_are_those_of_the_product(passes, product, surrogates, seed) -> None:
    ours = variant_maps(Variant(surrogates=surrogates), passes, [seed], STEP, TOP_K)
    assert_same(ours, flat(product(surrogates, seed)))


def test_the_number_of_heads_is_that_of_the_variant(passes, product) -> None:
    assert_same(variant_maps(Variant(top_k=1), passes, [0], STEP, TOP_K), flat(product(top_k=1)))


def test_noises_and_steps_are_averaged(passes, product) -> None:
    seeds = 0, MOST_NOISES
    of_both = sum(flat(product(seed=seed)) for seed in seeds) / 2
    assert_same(variant_maps(Variant(noises=2), passes, seeds, STEP, TOP_K), of_both)
    of_steps = variant_maps(Variant(steps=(40, STEP)), passes, [0], STEP, TOP_K)
    assert_same(of_steps, flat(product(steps=(40, STEP))))


def test_the_other_weights_of_heads() -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(4, 6 * 9, 5, generator=random, dtype=torch.float64)
    features[2] += torch.arange(6).repeat_interleave(9)[:, None]  # separates the frames
    contrasts = torch.randn(4, 2, 6 * 9, generator=random, dtype=torch.float64)
    contrasts[1, 0, 7] = 100  # a peak of concept 0
    contrasts[3, 1] += torch.arange(6).repeat_interleave(9)  # separates the frames by concept 1
    weights = {
        kind: head_weights(kind, features, contrasts, 6, 1)
        for kind in ("best", "proportional", "softmax", "peaked", "separated")
    }
    for each in weights.values():
        torch.testing.assert_close(each.sum(-1), torch.ones_like(each[:, 0]))
    assert [weights[kind].argmax(-1).tolist() for kind in ("best", "proportional", "softmax")] == [[2]] * 3
    assert (weights["proportional"] > 0).all()
    assert weights["softmax"].std() < weights["best"].std()
    assert weights["peaked"][0].tolist() == [0, 1, 0, 0]
    assert weights["separated"][1].tolist() == [0, 0, 0, 1]


def test_kurtosis_of_two_values_that_are_equally_frequent_is_one() -> None:
    assert kurtosis(torch.tensor([1.0, 3.0, 3.0, 1.0])) == 1


def test_padding_counts_as_often_as_the_variant_says(passes) -> None:
    multiplicity = passes[0, STEP][0].multiplicity
    counts = {each: text_counts(Variant(padding=each), multiplicity).tolist() for each in ("all", "once", "never")}
    concepts = [1.0] * (len(multiplicity) - 1)
    assert counts == {"all": [*concepts, 40 - len(concepts)], "once": [*concepts, 1], "never": [*concepts, 0]}
    g = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    repeated = contrast(g[:, [0, 1, 2, 2]], torch.ones(4))
    torch.testing.assert_close(contrast(g, torch.tensor([1.0, 1.0, 2.0])), repeated[:, :3])
    torch.testing.assert_close(contrast(g, torch.tensor([1.0, 1.0, 0.0]))[:, :2], contrast(g[:, :2], torch.ones(2)))


def test_columns_of_unit_vectors_are_cosines(passes) -> None:
    layer = passes[0, STEP][0]
    found = columns(Variant(cosine_columns=True), layer)
    assert found.max() <= 1 + 1e-9
    # The surrogate is one of the patches of its frame.
    highest = found.unflatten(-1, (layer.frames, -1)).amax(-1)
    torch.testing.assert_close(highest, torch.ones_like(highest))
    products = columns(Variant(columns="products"), layer)
    torch.testing.assert_close(products[0, 1], layer.query[0] @ layer.key[0, 1])


def test_the_length_of_a_query_does_not_matter_to_the_cosine(passes) -> None:
    layer = passes[0, STEP][0]
    longer = replace(layer, query=layer.query * torch.linspace(1, 9, layer.query.shape[1])[:, None])
    for surrogates in ("argmax", "clip"):
        variant = Variant(surrogates=surrogates, match="cosine")
        torch.testing.assert_close(columns(variant, longer), columns(variant, layer))


def test_a_centred_match_does_not_see_what_all_keys_share(passes) -> None:
    layer = passes[0, STEP][0]
    shifted = replace(layer, key=layer.key + torch.linspace(-2, 2, layer.key.shape[-1]))
    for surrogates in ("argmax", "clip"):
        variant = Variant(surrogates=surrogates, match="centred")
        torch.testing.assert_close(columns(variant, shifted), columns(variant, layer))
        assert not torch.allclose(columns(Variant(surrogates), shifted), columns(Variant(surrogates), layer))
    mean = (layer.multiplicity[:, None] * layer.key).sum(1, keepdim=True) / layer.multiplicity.sum()
    own = replace(layer, key=layer.key - mean)
    torch.testing.assert_close(columns(Variant("clip"), own), columns(Variant("clip", match="centred"), layer))


def test_a_contrast_that_is_not_divided_is_a_difference() -> None:
    g = torch.tensor([[[3.0], [0.0], [1.0]]])
    assert contrast(g, torch.tensor([1.0, 1.0, 2.0]), divided=False).flatten().tolist() == [1.75, -1.25, -0.25]


def test_measures_are_those_of_the_evaluation(pipe, clip, product) -> None:
    variants = {PUBLISHED: Variant(), "2 noises": Variant(noises=2), "1 head": Variant(top_k=1)}
    found = measures.measured(pipe, clip, variants, step=STEP, top_k=TOP_K, layers=LAYERS)
    assert list(found) == [*((each, name) for each in (PUBLISHED, "2 noises") for name in MAPS), ("1 head", "imap")]
    maps = product()
    rows = localization({name: (maps, name) for name in MAPS}, clip)
    for name in MAPS:
        for measure in measures.MEASURES:
            if measure != "agreement":
                kind, key = measure.split()
                expected = [row[key] for row in rows if (row["kind"], row["method"]) == (kind, name)]
                assert found[PUBLISHED, name][measure] == pytest.approx(expected, abs=1e-3, nan_ok=True)
    other = product(seed=MOST_NOISES)
    first, second = (each.imap[0].flatten().double().numpy() for each in (maps, other))
    agreement = found[PUBLISHED, "imap"]["agreement"]
    assert agreement[0] == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-4)
    assert len(agreement) == len(clip.concepts) - 1
    assert np.mean(found["2 noises", "imap"]["agreement"]) > np.mean(agreement)


def test_rows_have_the_interval_of_the_difference() -> None:
    clips = {PUBLISHED: (0.5, 0.6, 0.9), "better": (0.6, 0.7, 1.0)}
    values = {name: [{measure: [each] for measure in measures.MEASURES} for each in of] for name, of in clips.items()}
    rows = trials.rows({(name, "imap"): each for name, each in values.items()}, "3 clips")
    published, better = (row for row in rows if row["name"].startswith("object"))
    assert (better["name"], better["shape"]) == ("object spacetime_auc imap, better", "3 clips")
    assert (better["value"], better["unit"], better["values"]) == (pytest.approx(0.7667, abs=1e-4), "AUC", 3)
    assert better["low"] < better["value"] < better["high"]
    assert [better[f"difference_{end}"] for end in ("low", "mean", "high")] == [0.1] * 3
    assert [published[f"difference_{end}"] for end in ("low", "mean", "high")] == [0] * 3


def test_the_table_has_a_line_for_each_variant_of_what_is_held_out(tmp_path: Path) -> None:
    ends = {"difference_low": -0.0104, "difference_high": 0.2, "low": 0.4, "high": 0.6}
    rows = [
        {"name": f"{measure} {name}, {variant}", "shape": shape, "value": 0.5 + 0.1 * (name == "imap")} | ends
        for shape in ("9 validation clips", "9 held-out clips, one", "9 held-out clips, another")
        for variant, fields in VARIANTS.items()
        for name in fields.maps
        for measure in measures.MEASURES
    ]
    (tmp_path / "trials.json").write_text(json.dumps({"date": "2026-01-02", "rows": rows}))
    text = table.tables(tmp_path)
    parts = text.split("\n\n")
    assert parts[::2] == [
        f"**`{name}`**, means over 9 held-out clips, {model}; 2026-01-02."
        for model in ("one", "another")
        for name in MAPS
    ]
    lines = parts[1].splitlines()
    assert len(lines) == 2 + len(VARIANTS)
    assert lines[2] == f"| {PUBLISHED} |" + " 0.600 <small>0.400 to 0.600</small> |" * 4
    assert lines[3] == "| frame, t = 1 |" + " 0.600 <small>-0.010 to +0.200</small> |" * 4
    assert "1 head" not in parts[3]
    assert "0.500" in parts[3]


@pytest.mark.slow
def test_a_run_adds_rows_of_every_variant(tmp_path: Path, capsys) -> None:
    output = tmp_path / "trials.json"
    trials.main(["--split", "held_out", "--clips", "2", "--output", str(output)])
    rows = json.loads(output.read_text())["rows"]
    expected = [
        f"{measure} {name}, {variant}"
        for variant, fields in VARIANTS.items()
        for name in fields.maps
        for measure in measures.MEASURES
    ]
    assert [row["name"] for row in rows] == expected
    shape = f"2 {trials.SPLITS['held_out']} clips, model of seed 0, layers [1, 3], step 45 of 50, k = 5"
    assert {row["shape"] for row in rows} == {shape}
    assert capsys.readouterr().out.startswith(shape)
