"""What is asked once, what is asked again, and what comes of it."""

import os

import pytest

from imap_fast import SaliencyMaps
from imap_fast.judge import Answers, Endpoint, ask, means, questions
from imap_fast.judge.ask import TRIES
from tests.judge.conftest import KEY
from tests.judge.stand_in import completion, judgement


@pytest.fixture
def question(run):
    return next(questions(SaliencyMaps.load(run / "maps.npz"), run / "clip.mp4", "a-judge"))


@pytest.fixture
def answers(tmp_path):
    return Answers(tmp_path / "answers")


def test_the_same_request_is_sent_once(server, question, answers):
    endpoint = Endpoint(server.url, KEY)
    assert ask(question, endpoint, answers) == judgement()
    server.replies = [completion(judgement(1))]
    assert ask(question, endpoint, Answers(answers.folder)) == judgement()
    assert len(server.requests) == 1


@pytest.mark.parametrize("part", ["model", "messages", "url"])
def test_another_request_is_sent(server, question, answers, part):
    ask(question, Endpoint(server.url, KEY), answers)
    if part == "url":
        assert answers.get(server.url + "/other", question.body) is None
    else:
        assert answers.get(server.url, question.body | {part: "another"}) is None
    assert answers.get(server.url, dict(reversed(question.body.items()))) == judgement()


def test_an_answer_that_cannot_be_read_is_asked_for_again(server, question, answers):
    server.replies = [completion("Well."), completion(f"Here: {judgement(3)}"), completion(judgement(2))]
    assert ask(question, Endpoint(server.url, KEY), answers) == judgement(2)
    assert len(server.requests) == TRIES == 3


def test_where_none_can_be_read_nothing_is_kept(server, question, answers):
    server.replies = [completion("I would rather not.")]
    assert ask(question, Endpoint(server.url, KEY), answers) is None
    assert len(server.requests) == TRIES
    assert not answers.folder.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{}"])
def test_a_damaged_answer_is_asked_for_again(server, question, answers, content):
    ask(question, Endpoint(server.url, KEY), answers)
    (file,) = answers.folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    assert ask(question, Endpoint(server.url, KEY), answers) == judgement()
    assert len(server.requests) == 2
    assert file.read_bytes() == whole


def test_a_file_that_is_no_answer_of_ours_is_not_read(server, question, answers):
    ask(question, Endpoint(server.url, KEY), answers)
    (file,) = answers.folder.iterdir()
    with file.open("wb") as content:
        content.truncate(2**40)
    assert answers.get(server.url, question.body) is None
    file.unlink()
    os.mkfifo(file)
    assert answers.get(server.url, question.body) is None


def test_an_answer_is_kept_whole_or_not_at_all(server, question, answers, monkeypatch):
    def full(path, *_):
        path.write_bytes(b"{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space"):
        ask(question, Endpoint(server.url, KEY), answers)
    assert list(answers.folder.iterdir()) == []


def test_means_are_over_judgements_of_a_map():
    uneven = judgement(1)
    uneven["sparseness"]["score"] = 5
    told = means([("imap", judgement(4)), ("gramcol", judgement(3)), ("imap", uneven)])
    assert list(told) == ["imap", "gramcol"]
    assert told["imap"]["sparseness"] == 4.5
    assert told["imap"]["object_shape"] == 2.5
    assert told["imap"]["overall"] == pytest.approx((4.5 + 4 * 2.5) / 5)
    assert (told["imap"]["judged"], told["gramcol"]["judged"]) == (2, 1)
    assert means([]) == {}
