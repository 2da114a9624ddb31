"""Motions in an evaluation: clips are explained with them, and `by_concept` is made of what was measured anyway."""

from dataclasses import replace

import numpy as np
import pytest

from imap_fast.evaluate import Evaluation, demo_world, evaluate, video_list
from imap_fast.evaluate.example import Example, GroundTruth
from imap_fast.evaluate.localization import MEASURES
from imap_fast.evaluate.reader import Reader
from imap_fast.video import Clip
from tests.evaluate.folders import write_json
from tests.tiny import tiny_pipeline
from tests.video.media import draw_frames

SETTINGS = {"layers": [1], "top_k": 2}


def row(kind: str, method: str, value: float, concept: str | None = "x") -> dict:
    measured = dict.fromkeys(MEASURES[kind], value) | ({"union": 2.0} if kind == "class" else {})
    return {"concept": concept, "kind": kind, "method": method} | measured


def rows(seed: int, *, motion: bool = True) -> list[dict]:
    rng = np.random.default_rng(seed)
    kinds = ["object", "segmentation", "class"] + (["motion"] if motion else [])
    found = [row(kind, method, float(rng.uniform())) for kind in kinds for method in ("imap", "gramcol", "other")]
    return found + ([event for method in ("imap", "gramcol", "other") for event in events(method)] if motion else [])


def events(method: str) -> list[dict]:
    """A motion in frames 2 to 8. `imap` finds it, the others find it too late."""
    about = {"concept": "x", "kind": "event", "method": method}
    begin = 2.0 if method == "imap" else 8.0
    return [
        about | {"begin": 2.0, "end": 8.0, "confidence": float("nan")},
        about | {"begin": begin, "end": begin + 6, "confidence": 0.9},
    ]


def test_by_concept_is_imap_of_motions_and_gramcol_of_everything_else():
    found = Evaluation({"a": rows(0), "b": rows(1), "c": rows(2, motion=False)}, {}, {})
    assert found.methods == ("imap", "gramcol", "other", "by_concept")
    of_words = {kind: measures for kind, measures in found.estimates().items() if kind != "track"}
    for kind, measures in of_words.items():
        for by_method in measures.values():
            assert by_method["by_concept"] == by_method["imap" if kind in ("motion", "event") else "gramcol"]
            assert by_method["imap"] != by_method["gramcol"]
    gramcol, imap = ({clip: found.worst(3, method)[clip] for clip in "abc"} for method in ("gramcol", "imap"))
    by_concept = found.worst(3, "by_concept")
    assert by_concept["c"] == gramcol["c"]
    objects = {
        clip: next(r for r in found.rows[clip] if (r["kind"], r["method"]) == ("object", "gramcol")) for clip in "ab"
    }
    motions = {
        clip: next(r for r in found.rows[clip] if (r["kind"], r["method"]) == ("motion", "imap")) for clip in "ab"
    }
    for clip in "ab":
        mean = (objects[clip]["spacetime_auc"] + motions[clip]["spacetime_auc"]) / 2
        assert by_concept[clip] == pytest.approx(mean)
        assert by_concept[clip] != imap[clip]


def test_without_motions_there_is_no_such_method():
    assert Evaluation({"a": rows(0, motion=False)}, {}, {}).methods == ("imap", "gramcol", "other")
    only_imap = [each for each in rows(0) if each["method"] == "imap"]
    assert Evaluation({"a": only_imap}, {}, {}).methods == ("imap",)


def test_an_example_knows_its_motions():
    mask = np.zeros((2, 4, 4), bool)
    truths = GroundTruth("cat", mask), GroundTruth("runs", mask, np.array([True, False]))
    clip = Clip(np.zeros((2, 4, 4, 3), np.uint8), 8)
    shown = Example(
        clip, "a cat runs", ("runs", "cat", "jumps", "background"), truths, np.arange(2), motions=("jumps",)
    )
    assert shown.motions == ("runs", "jumps")
    assert shown.words == {"concepts": ["cat", "background"], "motions": ["runs", "jumps"]}
    assert replace(shown, motions=()).motions == ("runs",)
    assert Example(None, "a cat", ("cat",)).words == {"concepts": ["cat"], "motions": []}
    assert Example(None, "runs", ("runs",), motions=("runs",)).words == {"concepts": None, "motions": ["runs"]}
    with pytest.raises(ValueError, match=r"a motion is 'falls', and concepts are \['cat'\]; add it to them"):
        Example(None, "a cat", ("cat",), motions=("falls",))


RECORD = {"video_path": "cat.mp4", "caption": "a cat runs", "concepts": "cat, grass"}


@pytest.mark.parametrize(
    ("changed", "motions"),
    [
        ({}, ()),
        ({"motions": "runs"}, ("runs",)),
        ({"motions": ["runs", "slides"]}, ("runs", "slides")),
        ({"object": "runs, Cat"}, ("runs",)),
        ({"object": "runs", "motions": "slides"}, ("slides",)),
        ({"object": "runs", "motions": []}, ()),
    ],
)
def test_a_record_says_what_is_a_motion(tmp_path, changed, motions):
    (clip,) = video_list(write_json(tmp_path / "list.json", [RECORD | changed])).clips.values()
    assert clip().motions == motions


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"motions": "cat"}, "record 0: 'cat' is among concepts and among motions; name it once"),
        ({"motions": "runs, background"}, "record 0: 'background' is no motion; name it among concepts"),
        ({"motions": 5}, "record 0 is incomplete"),
        ({"motions": ["runs", ""]}, "record 0 is incomplete"),
    ],
)
def test_a_record_whose_motions_are_wrong_is_refused(tmp_path, changed, says):
    with pytest.raises(ValueError, match=says):
        video_list(write_json(tmp_path / "list.json", [RECORD | changed]))


@pytest.mark.slow
def test_clips_without_masks_are_shown_by_concept(tmp_path):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    dataset, unmasked = video_list(write_json(tmp_path / "list.json", [RECORD | {"object": "running"}])), {}
    evaluate(tiny_pipeline(), dataset, **SETTINGS, on_unmasked=lambda name, shown, maps: unmasked.update({name: maps}))
    (maps,) = unmasked.values()
    assert (maps.labels, maps.motions) == (("cat", "grass", "running"), ("running",))
    assert [maps.map_of(label) for label in maps.labels] == ["gramcol", "gramcol", "imap"]


@pytest.mark.slow
def test_a_clip_is_read_in_the_order_of_its_concepts(demo_pipeline):
    """So what is measured is the same to the bit as before there were motions."""
    reader = Reader(demo_pipeline, 0, SETTINGS)
    example = reader.prepared(demo_world(1).clips["held_out-0"]())
    assert example.motions
    assert reader.maps(example).labels == example.concepts
    assert reader.maps_of_other_surrogates(example).labels == example.concepts
    random = reader.maps_of_random_heads(example, "a")
    assert (random.labels, random.motions) == (example.concepts, ())
