"""Whole evaluations, with the demo's model and with one that is not trained."""

import dataclasses
import json
from math import isnan

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES
from imap_fast.evaluate import Evaluation, Journal, demo_world, evaluate, palette_masks, video_list
from imap_fast.evaluate import run as running
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.evaluate.localization import MEASURES
from imap_fast.evaluate.reader import Reader
from imap_fast.evaluate.worst import worst_figures
from imap_fast.maps.names import MAP_NAMES
from imap_fast.metrics.ranking import auc
from imap_fast.render.grid import grid_frames
from imap_fast.video import Clip
from tests import tiny_wan
from tests.evaluate.folders import CAPTIONS, davis, write_json
from tests.tiny import tiny_pipeline
from tests.video.media import draw_frames

MEASURED = (*MAP_NAMES, "imap_clip", "gramcol_clip", "random_heads")
WITH_MOTIONS = (*MEASURED, "by_concept")
CLIPS = 2


@pytest.fixture(scope="module")
def found(demo_pipeline, chosen) -> Evaluation:
    return evaluate(demo_pipeline, demo_world(CLIPS), **chosen)


@pytest.mark.slow
def test_every_method_is_measured_on_every_concept(found):
    assert found.methods == WITH_MOTIONS
    assert found.failed == {}
    assert found.measured == CLIPS
    for clip, rows in found.rows.items():
        shown = demo_world(CLIPS).clips[clip]()
        for method in MEASURED:
            of_method = [row for row in rows if row["method"] == method]
            concepts = [row["concept"] for row in of_method if row["kind"] not in ("class", "event")]
            assert concepts == [*(truth.label for truth in shown.truths), None]
            classes = [row["concept"] for row in of_method if row["kind"] == "class"]
            assert classes == ["background", *(truth.label for truth in shown.truths if truth.kind == "object")]
            moving = {t.label for t in shown.truths if t.active is not None and 0 < t.active.sum() < len(t.active)}
            assert {row["concept"] for row in of_method if row["kind"] == "event"} == moving


@pytest.mark.slow
def test_scores_are_those_of_the_maps(found, demo_pipeline, chosen):
    scene = world.sample(1, "held_out")
    thing = scene.objects[0]
    caption = demo_world(2).clips["held_out-1"]().caption
    concepts = [truth.label for truth in demo_world(2).clips["held_out-1"]().truths]
    maps = imap_fast.explain(
        demo_pipeline, Clip(scene.frames), caption, [*concepts, "background"], maps=MAP_NAMES, **chosen
    )
    for method in MAP_NAMES:
        values = maps.upsample(*thing.mask.shape, map=method)[maps.index(thing.label)].numpy()
        wanted = (thing.label, "object", method)
        (row,) = (r for r in found.rows["held_out-1"] if (r["concept"], r["kind"], r["method"]) == wanted)
        assert row["spacetime_auc"] == auc(values, thing.mask)
        frames = zip(values, thing.mask, strict=True)
        assert row["spatial_auc"] == pytest.approx(np.mean([auc(*each) for each in frames if each[1].any()]))


@pytest.mark.slow
def test_soft_surrogates_and_the_published_ones_are_side_by_side(found, demo_pipeline, chosen):
    soft = evaluate(demo_pipeline, demo_world(CLIPS), surrogates="clip", **chosen)
    assert soft.methods == tuple(name.replace("_clip", "_argmax") for name in WITH_MOTIONS)

    def scores(evaluation: Evaluation, method: str) -> list[dict]:
        rows = [row for clip in evaluation.rows.values() for row in clip if row["method"] == method]
        return [{name: str(value) for name, value in row.items() if name != "method"} for row in rows]

    assert (found.settings["noises"], found.settings["surrogates"], soft.settings["surrogates"]) == (
        1,
        "argmax",
        "clip",
    )
    for name in ("imap", "gramcol"):
        assert scores(soft, f"{name}_argmax") == scores(found, name)
        assert scores(soft, name) == scores(found, f"{name}_clip") != scores(found, name)


@pytest.mark.slow
def test_every_concept_of_the_demo_world_is_a_word_of_its_prompt(demo_pipeline, chosen):
    found = evaluate(demo_pipeline, demo_world(CLIPS), match="prompt", **chosen)
    assert found.failed == {}
    assert found.measured == CLIPS
    for clip, rows in found.rows.items():
        labels = {truth.label for truth in demo_world(CLIPS).clips[clip]().truths}
        of_method = [row for row in rows if row["method"] == "gramcol"]
        assert {row["concept"] for row in of_method if row["kind"] in ("object", "motion")} == labels
        assert "background" not in {row["concept"] for row in of_method}


@pytest.mark.slow
def test_random_heads_are_others_in_each_clip_and_the_same_again(demo_pipeline, chosen, found):
    reader = Reader(demo_pipeline, 0, chosen)
    example = reader.prepared(demo_world(1).clips["held_out-0"]())
    first, again, other = (reader.maps_of_random_heads(example, name) for name in ("a", "a", "b"))
    assert torch.equal(first.imap, again.imap)
    assert not torch.equal(first.selected_heads, other.selected_heads)
    assert first.selected_heads.shape == reader.maps(example).selected_heads.shape
    assert all(len(set(row)) == len(row) for row in first.selected_heads.tolist())
    another_seed = Reader(demo_pipeline, 1, chosen).maps_of_random_heads(example, "a")
    assert not torch.equal(first.selected_heads, another_seed.selected_heads)


@pytest.mark.slow
def test_estimates_are_means_over_concepts_with_what_was_left_out(found):
    rows = [row for clip in found.rows.values() for row in clip if row["method"] == "gramcol"]
    estimates = found.estimates()
    assert estimates.keys() == MEASURES.keys()
    classes = {row["concept"] for row in rows if row["kind"] == "class"}
    overlaps = [
        sum(row[part] for row in rows if row["concept"] == each and row["kind"] == "class")
        for part in ("intersection", "union")
        for each in classes
    ]
    assert estimates["class"]["miou"]["gramcol"].mean == pytest.approx(
        np.mean(np.divide(*np.reshape(overlaps, (2, -1))))
    )
    for kind in ("object", "motion", "segmentation"):
        assert set(estimates[kind]) == set(MEASURES[kind])
        for measure, by_method in estimates[kind].items():
            values = [row[measure] for row in rows if row["kind"] == kind]
            finite = [value for value in values if not isnan(value)]
            estimate = by_method["gramcol"]
            assert (estimate.values, estimate.left_out) == (len(finite), len(values) - len(finite))
            assert isnan(estimate.mean) if not finite else estimate.mean == pytest.approx(np.mean(finite))
    json.dumps(found.record(), allow_nan=False)


@pytest.mark.slow
def test_a_clip_done_before_is_not_repeated_and_a_broken_one_stops_no_other(
    demo_pipeline, chosen, found, tmp_path, monkeypatch
):
    def interrupt():
        raise KeyboardInterrupt

    def broken():
        raise OSError("truncated")

    (first, read_first), (second, read_second) = demo_world(CLIPS).clips.items()
    dataset = DataSet({}, {first: read_first, "broken": broken, second: read_second})
    with pytest.raises(KeyboardInterrupt):
        with Journal(tmp_path, chosen) as journal:
            evaluate(demo_pipeline, dataset, journal=journal, on_clip_done=interrupt, **chosen)
    with (tmp_path / "clips.jsonl").open("a") as file:
        file.write('{"clip": "broken", "ro')
    explained = []
    localization = running.localization
    monkeypatch.setattr(running, "localization", lambda *a: explained.append(a) or localization(*a))
    with Journal(tmp_path, chosen) as journal:
        resumed = evaluate(demo_pipeline, dataset, journal=journal, **chosen)
    assert len(explained) == 1
    assert resumed.failed == {"broken": "truncated"}
    # As text, since NaN is not equal to itself.
    assert str(resumed.rows) == str(found.rows)
    with Journal(tmp_path, chosen) as journal:
        assert set(journal.rows) == {first, second}


def test_settings_that_are_not_possible_are_no_broken_clip(demo_pipeline):
    with pytest.raises(ValueError, match="layer 99"):
        evaluate(demo_pipeline, demo_world(1), layers=[99])
    with pytest.raises(ValueError, match="step 99"):
        evaluate(demo_pipeline, demo_world(1), steps=[99])


@pytest.mark.slow
def test_the_worst_clips_are_drawn_with_outlines(demo_pipeline, chosen, found):
    worst = found.worst(1)
    means = {
        clip: np.mean([row["spacetime_auc"] for row in rows if row["method"] == "imap" and "spacetime_auc" in row])
        for clip, rows in found.rows.items()
    }
    assert worst == {min(means, key=means.get): pytest.approx(min(means.values()))}
    ((name, draw),) = worst_figures(demo_pipeline, demo_world(CLIPS), worst, **chosen)
    assert name in worst
    truths = demo_world(CLIPS).clips[name]().truths
    outlined = [axes for axes in draw().axes if axes.collections and axes.images]
    # A motion's mask is empty in the frames before and after it.
    assert len(outlined) == sum(truth.mask[grid_frames(NUM_FRAMES)].any((1, 2)).sum() for truth in truths)


@pytest.fixture
def davis_clips(tmp_path):
    davis(tmp_path)
    return palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", CAPTIONS))


def test_masks_are_cut_as_the_model_cuts_the_picture(davis_clips):
    """The clip is 16 × 24 and the model's picture square: its middle is what is seen, and judged."""
    reader = Reader(tiny_pipeline(), 0, {"layers": [1], "top_k": 2, "height": 32, "width": 32})
    whole = davis_clips.clips["bear"]()
    seen = reader.prepared(whole)
    np.testing.assert_array_equal(seen.video.frames, whole.video.frames[:, :, 4:20])
    np.testing.assert_array_equal(seen.truths[0].mask, whole.truths[0].mask[:, :, 4:20])
    found = evaluate(tiny_pipeline(), davis_clips, layers=[1], top_k=2, height=32, width=32)
    assert found.failed == {}
    assert found.methods == MEASURED
    assert {row["concept"] for row in found.rows["dogs"]} == {"dog", "ball", "background", None}


def test_void_goes_with_the_clip_into_its_measures_and_its_picture(davis_clips):
    def unknown():
        shown = davis_clips.clips["bear"]()
        return dataclasses.replace(shown, void=np.ones_like(shown.truths[0].mask))

    dataset, settings = dataclasses.replace(davis_clips, clips={"bear": unknown}), {"layers": [1], "top_k": 2}
    found = evaluate(tiny_pipeline(), dataset, height=32, width=32, **settings)
    assert found.failed == {}
    assert all(estimate.values == 0 for estimate in found.estimates()["object"]["j"].values())
    ((_, draw),) = worst_figures(tiny_pipeline(), dataset, ["bear"], height=32, width=32, **settings)
    assert any(axes.collections and axes.images for axes in draw().axes), "what is said of void is drawn all the same"


def test_the_background_is_no_word_of_a_caption(davis_clips):
    reader = Reader(tiny_pipeline(), 0, {"layers": [1], "top_k": 2, "height": 32, "width": 32, "match": "prompt"})
    bear = davis_clips.clips["bear"]()
    assert "background" in bear.concepts
    for typed in ("background", "Back\u00adground "):
        shown = dataclasses.replace(bear, concepts=(bear.truths[0].label, typed))
        assert reader.prepared(shown).concepts == (bear.truths[0].label,)


def test_a_model_without_a_concept_stream_is_asked_for_words_of_the_caption(davis_clips):
    pipe = tiny_wan.tiny_pipeline()
    found = evaluate(pipe, davis_clips, match="prompt", layers=[1], top_k=2, height=32, width=48)
    assert "the prompt does not contain 'dog'; closest: 'dogs'" in found.failed["dogs"]
    assert found.methods == ("imap", "gramcol", "cross_attention", "imap_clip", "gramcol_clip", "random_heads")
    assert {row["kind"] for row in found.rows["bear"]} == {"object"}


def test_a_list_without_masks_gives_maps_and_no_measures(tmp_path):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    record = {"video_path": "cat.mp4", "caption": "a cat runs", "concepts": ["cat", "runs"], "object": "cat"}
    dataset = video_list(write_json(tmp_path / "list.json", [record, {**record, "video_path": "gone.mp4"}]))
    unmasked = {}
    found = evaluate(
        tiny_pipeline(),
        dataset,
        layers=[1],
        top_k=2,
        on_unmasked=lambda name, shown, maps: unmasked.update({name: maps}),
    )
    assert found.rows == {"0000-cat.mp4": []}
    assert found.measured == 0
    assert found.methods == ()
    assert "gone.mp4: no such file" in found.failed["0001-gone.mp4"]
    assert unmasked["0000-cat.mp4"].labels == ("cat", "runs")


def test_a_clip_whose_files_change_while_it_is_read_is_not_recorded(davis_clips, tmp_path):
    mask = tmp_path / "Annotations" / "480p" / "bear" / "00000.png"
    read = davis_clips.clips["bear"]

    def read_and_change():
        example = read()
        mask.write_bytes(mask.read_bytes() + b"\0")
        return example

    dataset = dataclasses.replace(davis_clips, clips={**davis_clips.clips, "bear": read_and_change})
    with Journal(tmp_path / "out", {}) as journal:
        found = evaluate(tiny_pipeline(), dataset, journal=journal, layers=[1], top_k=2, height=32, width=32)
        assert found.failed == {"bear": "its files changed while they were read; run again"}
        assert list(journal.rows) == ["dogs"]
        (tmp_path / "Annotations" / "480p" / "dogs" / "00000.png").unlink()
        with pytest.raises(ValueError, match="other files of the clip 'dogs'"):
            evaluate(tiny_pipeline(), davis_clips, journal=journal, layers=[1], top_k=2, height=32, width=32)


def test_a_stretch_is_what_is_explained_with_the_shots_of_the_settings(tmp_path):
    Clip(draw_frames(20, 32, 48, seed=5), 10).save(tmp_path / "cat.mp4")
    settings = {"layers": [1], "top_k": 2, "height": 32, "width": 32, "shots": ["0:01.5"]}
    reader = Reader(tiny_pipeline(), 0, settings)
    assert reader.record()["shots"] == [1.5]
    maps = reader.maps(Example(tmp_path / "cat.mp4", "a red cat", ("red", "cat"), start=1.0, end=1.9))
    assert [shot.seconds for shot in maps.shots] == pytest.approx([1.0, 1.5])
    assert maps.settings["video"]["num_frames"] == 5 + 1
