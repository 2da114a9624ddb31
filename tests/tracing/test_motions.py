"""Motions beside concepts in a trace: labels in their order, and the same values as if all were concepts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import imap_fast
from imap_fast.text.words import check_motions, labels_of
from tests.architectures import ARCHITECTURES, Architecture
from tests.conftest import NAMES
from tests.pipelines import generate
from tests.tiny import tiny_pipeline, tiny_transformer

READ = {"layers": [1], "top_k": 2}
PROMPT = "a red cat running on grass"


def read(architecture: Architecture, concepts, motions=None, **changed: object):
    pipeline = architecture.pipeline()
    arguments = {**architecture.arguments, **READ, **changed}
    with imap_fast.trace(pipeline, concepts, motions=motions, **arguments) as tracer:
        generate(pipeline, PROMPT)
    return tracer.maps


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_motions_change_what_shows_a_label_and_no_value(name: str) -> None:
    architecture = ARCHITECTURES[name]
    maps = read(architecture, ["cat", "grass"], ["running"])
    plain = read(architecture, ["cat", "grass", "running"])
    assert maps.labels == plain.labels == ("cat", "grass", "running")
    assert torch.equal(maps.imap, plain.imap)
    assert torch.equal(maps.gramcol, plain.gramcol)
    assert maps.record()["settings"] == plain.record()["settings"] | {"motions": ["running"]}
    assert [maps.map_of(label) for label in maps.labels] == ["gramcol", "gramcol", "imap"]


@pytest.mark.slow
@pytest.mark.parametrize("match", ["concepts", "prompt"])
def test_motions_alone_are_looked_for(match: str) -> None:
    maps = read(ARCHITECTURES["cogvideox"], None, ["running", "on"], match=match)
    assert maps.labels == maps.motions == ("running", "on")


@pytest.mark.slow
def test_a_single_motion_gets_a_background() -> None:
    with pytest.warns(UserWarning, match="so the concept 'background' was added"):
        maps = read(ARCHITECTURES["cogvideox"], None, ["running"])
    assert (maps.labels, maps.motions) == (("running", "background"), ("running",))
    assert maps.map_of("background") == "gramcol"


@pytest.mark.slow
def test_no_motions_leave_no_trace() -> None:
    maps, plain = (read(ARCHITECTURES["cogvideox"], ["cat", "grass"], each) for each in ([], None))
    assert maps.record() == plain.record()
    assert "motions" not in plain.record()["settings"]


WORDS = st.lists(st.sampled_from(["cat", "grass", "sky", "background", "Background "]), unique=True)


@given(things=WORDS, motions=st.lists(st.sampled_from(["runs", "falls", "Runs"]), unique=True))
def test_labels_are_concepts_then_motions_then_the_background(things, motions) -> None:
    labels = labels_of(things, motions)
    assert sorted(labels) == sorted([*things, *motions])
    if not motions:
        assert labels == tuple(things)
        return
    kinds = ["motion" if each in motions else "thing" for each in labels]
    first, last = kinds.index("motion"), len(kinds) - kinds[::-1].index("motion")
    assert set(kinds[first:last]) == {"motion"}
    assert all(each.strip().lower() == "background" for each in labels[last:])
    assert not any(each.strip().lower() == "background" for each in labels[:first])
    in_order = [each for each in labels if each in motions]
    assert in_order == motions


@pytest.mark.parametrize(
    ("given_words", "error", "says"),
    [
        ({"concepts": ["cat"], "motions": [" cat"]}, ValueError, "'cat' is among concepts and among motions; name it"),
        ({"concepts": ["red cat"], "motions": ["red\u00a0 cat"]}, ValueError, "'red\\\\?.*cat' is among concepts and"),
        ({"motions": ["runs", "runs"]}, ValueError, "motion 'runs' is named 2 times; name each once"),
        ({"motions": ["runs", " "]}, ValueError, "motion 1 is empty; remove it"),
        ({"motions": "runs"}, TypeError, "motions must be a list of strings, such as .*; got 'runs'"),
        ({"motions": ["Background"]}, ValueError, "'Background' is no motion; name it among concepts"),
        (
            {"concepts": torch.rand(2, 32), "motions": ["runs"]},
            ValueError,
            "motions are words, and concepts is a tensor",
        ),
        ({"motions": ["runs"], "labels": ["runs"]}, ValueError, "labels are for a tensor of concepts"),
        ({"motions": []}, ValueError, 'concepts is None; name some, mark regions, or use match="prompt"'),
    ],
)
def test_words_that_cannot_be_motions_are_refused_in_one_line(given_words, error, says) -> None:
    with pytest.raises(error, match=says) as refusal:
        imap_fast.trace(tiny_pipeline(), **given_words, **READ)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("maps", "lacks"), [("imap", "gramcol"), (["gramcol", "cross_attention"], "imap")])
def test_motions_need_both_maps(maps, lacks) -> None:
    says = f"motions are shown by imap and concepts by gramcol, and maps lacks {lacks}; add it, or name motions among"
    with pytest.raises(ValueError, match=says):
        imap_fast.trace(tiny_pipeline(), ["cat"], motions=["runs"], maps=maps, **READ)


def test_a_bare_transformer_takes_no_motions() -> None:
    with pytest.raises(TypeError, match="a bare transformer embeds no text"):
        imap_fast.trace(tiny_transformer(), motions=["runs"], **READ)


def test_a_capital_makes_another_word() -> None:
    assert check_motions([" Running"], ["running"]) == ("Running",)
