"""What counts as an answer."""

import json

import pytest

from imap_fast.judge import CRITERIA, read_answer
from imap_fast.judge.rubric import RESPONSE_FORMAT, RUBRIC
from tests.judge.stand_in import judgement


def changed(**verdict) -> str:
    """A judgement with one verdict replaced in part."""
    told = judgement()
    told["sparseness"] = {name: value for name, value in (told["sparseness"] | verdict).items() if value is not None}
    return json.dumps(told)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "```json\n{}\n```",
        'I looked {{carefully}}, and {{"spatial_localization": 3}} is not all: {} Anything else?',
    ],
    ids=["plain", "fenced", "in prose"],
)
def test_an_answer_is_found(text):
    told = judgement(2)
    told["extra"] = "passed over"
    answer = read_answer(text.replace("{}", json.dumps(told)).replace("{{", "{").replace("}}", "}"))
    assert answer == judgement(2)
    assert list(answer) == list(CRITERIA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot judge this.",
        "[1, 2, 3, 4, 5]",
        json.dumps(dict.fromkeys(CRITERIA, 4)),
        json.dumps({name: verdict for name, verdict in judgement().items() if name != "object_shape"}),
        json.dumps(judgement())[:-1],
        changed(score=0),
        changed(score=6),
        changed(score=4.0),
        changed(score="4"),
        changed(score=True),
        changed(score=None),
        changed(reason=None),
        changed(reason=["a", "b"]),
        '{"a": ' + "[" * 100_000,
        '{"spatial_localization": {"score": ' + "9" * 5000 + "}}",
    ],
    ids=lambda text: text[:40],
)
def test_anything_else_is_none(text):
    assert read_answer(text) is None


def test_a_reason_is_one_line():
    told = judgement(reason="first\n\nsecond\t third ")
    assert read_answer(json.dumps(told))["sparseness"]["reason"] == "first second third"


def test_the_rubric_and_the_form_name_the_five_criteria_and_the_scale():
    schema = RESPONSE_FORMAT["json_schema"]["schema"]
    names = ["spatial_localization", "temporal_localization", "prompt_relevance", "sparseness", "object_shape"]
    assert list(CRITERIA) == names == schema["required"] == list(schema["properties"])
    assert all(f"\n- {name}: " in RUBRIC for name in names)
    assert "from 1 to 5" in RUBRIC
    assert schema["properties"]["sparseness"]["properties"]["score"]["enum"] == [1, 2, 3, 4, 5]
