"""How an endpoint is spoken to, and what happens when it does not answer as it should."""

import pytest
from urllib3.connection import HTTPConnection

from imap_fast.judge import Endpoint, EndpointError
from imap_fast.judge.endpoint import MAX_REPLY, MAX_WAIT, TIMEOUT, TRIES
from tests.judge.conftest import KEY
from tests.judge.stand_in import SILENCE, completion, failure

BODY = {"model": "a-judge", "messages": [], "response_format": {"type": "json_schema"}, "temperature": 0}


def test_a_request_is_posted_with_the_key(server):
    server.replies = [completion("fine")]
    assert Endpoint(server.url + "/", KEY).complete(BODY) == "fine"
    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["body"] == BODY


def test_without_a_key_none_is_sent_not_even_from_netrc(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Endpoint(server.url, None).complete(BODY)
    assert "Authorization" not in server.requests[0]["headers"]


@pytest.mark.parametrize(("told", "waited"), [("7", 7), ("86400", MAX_WAIT)])
def test_a_busy_server_says_how_long_to_wait(server, waits, told, waited):
    server.replies = [failure(429, Retry_After=told), completion("fine")]
    assert Endpoint(server.url, KEY).complete(BODY) == "fine"
    assert waits == [waited]
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_recovers_is_asked_again(server, waits, status):
    server.replies = [failure(status), failure(status), failure(status), completion("fine")]
    assert Endpoint(server.url, KEY).complete(BODY) == "fine"
    assert waits == [2, 4]  # the first try again is at once


def test_a_server_that_does_not_recover_is_quoted(server, waits):
    server.replies = [failure(500, "the GPU\nis on fire")]
    with pytest.raises(EndpointError, match=r"/v1 answered 500 .*: the GPU is on fire$"):
        Endpoint(server.url, KEY).complete(BODY)
    assert len(server.requests) == TRIES
    assert waits == [2, 4, 8, 16]


def test_silence_is_asked_again(server, monkeypatch):
    patience, get_response = [], HTTPConnection.getresponse

    def silence_ends_at_once(connection):
        patience.append(connection.timeout)
        if len(patience) == 1:
            assert server.silent.wait(600)
            raise TimeoutError
        return get_response(connection)

    monkeypatch.setattr(HTTPConnection, "getresponse", silence_ends_at_once)
    server.replies = [SILENCE, completion("fine")]
    assert Endpoint(server.url, KEY).complete(BODY) == "fine"
    assert patience == [TIMEOUT[1]] * 2


def test_a_server_that_stays_silent_is_told(server, waits, monkeypatch):
    monkeypatch.setattr("imap_fast.judge.endpoint.TIMEOUT", (600, 0.1))
    server.replies = [SILENCE]
    with pytest.raises(EndpointError, match=r"gave no answer: .*timed out"):
        Endpoint(server.url, KEY).complete(BODY)
    assert waits == [2, 4, 8, 16]


def test_a_server_that_is_not_there_is_told(waits):
    with pytest.raises(EndpointError, match=r"http://127.0.0.1:9/v1 gave no answer: .*refused"):
        Endpoint("http://127.0.0.1:9/v1", KEY).complete(BODY)
    assert waits == []  # tried twice, the second time at once


@pytest.mark.parametrize(
    ("key", "status", "advice"),
    [(KEY, 401, "; check OPENAI_API_KEY"), (None, 401, "; set OPENAI_API_KEY"), (KEY, 403, "; check"), (KEY, 404, "$")],
)
def test_a_refusal_is_final(server, waits, key, status, advice):
    server.replies = [failure(status, "who are you")]
    with pytest.raises(EndpointError, match=f"answered {status} .*: who are you{advice}"):
        Endpoint(server.url, key).complete(BODY)
    assert len(server.requests) == 1
    assert waits == []


def test_what_a_server_does_not_know_is_left_out_from_then_on(server):
    server.replies = [
        failure(400, "'temperature' does not support 0 with this model"),
        failure(400, "response_format is unavailable"),
        completion("fine"),
    ]
    endpoint = Endpoint(server.url, KEY)
    assert endpoint.complete(BODY) == "fine"
    assert endpoint.complete(BODY) == "fine"
    assert [sorted(request["body"]) for request in server.requests] == [
        ["messages", "model", "response_format", "temperature"],
        ["messages", "model", "response_format"],
        ["messages", "model"],
        ["messages", "model"],
    ]


def test_a_server_that_complains_of_what_was_left_out_is_not_asked_for_ever(server):
    server.replies = [failure(400, "temperature")]
    with pytest.raises(EndpointError, match=r"answered 400 .*: temperature"):
        Endpoint(server.url, KEY).complete(BODY)
    assert len(server.requests) == 2


def test_the_key_is_not_carried_to_another_server(server):
    server.replies = [{"status": 307, "raw": b"over there", "headers": {"Location": server.url + "/elsewhere"}}]
    with pytest.raises(EndpointError, match=r"answered 307 .*: over there"):
        Endpoint(server.url, KEY).complete(BODY)
    assert len(server.requests) == 1


def test_a_server_that_repeats_the_key_is_not_quoted_in_full(server):
    server.replies = [failure(401, f"bad key {KEY}")]
    with pytest.raises(EndpointError, match="bad key …") as told:
        Endpoint(server.url, KEY).complete(BODY)
    assert KEY not in str(told.value)
    server.replies = [completion(f"your key is {KEY}")]
    assert Endpoint(server.url, KEY).complete(BODY) == "your key is …"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null}}]}',
        b"[" * 100000,
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_a_reply_without_text_is_empty(server, raw):
    server.replies = [{"raw": raw}]
    assert Endpoint(server.url, KEY).complete(BODY) == ""


@pytest.mark.parametrize(
    "url", ["api.openai.com/v1", "ftp://a/v1", "http://", "https://a/v1?key=1", "https://a/v1#x", "http://[::1/v1", ""]
)
def test_what_is_no_endpoint_is_refused(url):
    with pytest.raises(ValueError, match=r"endpoint|URL"):
        Endpoint(url, KEY)


def test_a_password_in_the_endpoint_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="OPENAI_API_KEY") as told:
        Endpoint("https://me:secret@a/v1", None)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("key", ["", " ", f"{KEY}\n", f" {KEY}", f"{KEY}\r\nHost: evil", f"{KEY}é"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_repeated(key):
    with pytest.raises(ValueError, match="OPENAI_API_KEY is empty, or has") as told:
        Endpoint("https://a/v1", key)
    assert KEY not in str(told.value)


def test_a_reply_without_end_is_refused(server):
    server.replies = [{"raw": b" " * (MAX_REPLY + 1)}]
    with pytest.raises(EndpointError, match="/v1 sent more than 4 MiB; give another endpoint"):
        Endpoint(server.url, KEY).complete(BODY)
