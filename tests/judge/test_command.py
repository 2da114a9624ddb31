"""`imap-fast judge`."""

import json
import socket
import sys
from pathlib import Path

import pytest

from imap_fast.cli import main
from imap_fast.cli.record import write_record
from imap_fast.files import sha256_of
from tests.judge.conftest import KEY, LABELS, make_run
from tests.judge.stand_in import SILENCE, completion, failure, judgement
from tests.judge.test_question import NASTY
from tests.render import synthetic
from tests.report import moving


@pytest.fixture
def judge(server, tmp_path, capsys):
    """The command, which in the end has shown the key to nobody but the server."""
    said = []

    def call(*arguments) -> tuple[int, str, str]:
        fixed = ["--endpoint", server.url, "--judge-model", "a-judge", "--output", tmp_path / "out"]
        code = main(["judge", *map(str, [*arguments, *fixed])])
        said.append(capsys.readouterr())
        return code, *said[-1]

    yield call
    assert not any(KEY in text for texts in said for text in texts)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in written)
    assert not any(path.name.startswith(".") for path in written)


def written(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "out" / "judgements.json").read_text())


def test_every_map_of_every_concept_is_judged(judge, server, run, tmp_path):
    server.replies = [completion(judgement(score)) for score in (1, 2, 3, 4, 5, 5)]
    code, said, complained = judge(run)
    assert (code, complained) == (0, "")
    assert len(server.requests) == 6
    record = written(tmp_path)
    assert record["means"]["imap"] == dict.fromkeys(judgement(), 2.0) | {"overall": 2.0, "judged": 3}
    assert record["means"]["gramcol"]["overall"] == pytest.approx(14 / 3)
    assert [(each["concept"], each["map"]) for each in record["judgements"]] == [
        (concept, name) for name in ("imap", "gramcol") for concept in LABELS
    ]
    assert record["judgements"][1] == {
        "run": run.name,
        "concept": "slides right",
        "map": "imap",
        "judgement": judgement(2),
    }
    assert record["unanswered"] == []
    assert (record["scale"], list(record["criteria"])) == ([1, 5], list(judgement()))
    rows = [line.split("│") for line in said.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row[1:-1]] for row in rows] == [
        *([name.replace("_", " "), "2.00", "4.67"] for name in (*judgement(), "overall")),
        ["judged", "3", "3"],
    ]
    assert said.endswith(f"{tmp_path / 'out' / 'judgements.json'}  all scores, with their reasons\n")


def test_a_second_run_sends_nothing(judge, server, run, tmp_path):
    assert judge(run)[0] == 0
    before = (tmp_path / "out" / "judgements.json").read_bytes()
    sent = len(server.requests)
    code, _, complained = judge(run)
    assert code == 2
    assert "already holds judgements.json; pass --overwrite" in complained
    server.replies = [failure(500)]
    assert judge(run, "--overwrite")[0] == 0
    assert len(server.requests) == sent
    assert (tmp_path / "out" / "judgements.json").read_bytes() == before


def test_several_runs_are_judged_together_and_one_given_twice_once(judge, server, run, tmp_path):
    other = make_run(tmp_path / "other", prompt="another prompt")
    (tmp_path / "elsewhere").mkdir()
    namesake = make_run(tmp_path / "elsewhere" / "run", prompt="a third prompt")
    code, said, _ = judge(run, other, namesake, run, "--json")
    assert code == 0
    record = json.loads(said)
    assert record["means"]["imap"]["judged"] == 9
    assert record["files"] == {"judgements.json": str(tmp_path / "out" / "judgements.json")}
    assert [each["run"] for each in record["judgements"]] == ["run"] * 6 + ["other"] * 6 + ["run (2)"] * 6
    assert len(server.requests) == 18


def test_what_was_cut_off_goes_on(judge, server, run, tmp_path):
    server.replies = [completion(judgement()), completion(judgement()), failure(401, f"no credit for {KEY}")]
    code, said, complained = judge(run)
    kept, told = complained.splitlines()
    assert (code, said) == (1, "")
    assert kept == "imap-fast: 2 of 6 answers are kept; the same command resumes"
    assert told.endswith("no credit for …; check OPENAI_API_KEY")
    assert not (tmp_path / "out" / "judgements.json").exists()
    server.replies, server.requests[:] = [completion(judgement(5))], []
    assert judge(run)[0] == 0
    assert len(server.requests) == 4
    assert [each["judgement"]["sparseness"]["score"] for each in written(tmp_path)["judgements"]] == [4, 4, 5, 5, 5, 5]


def test_a_server_that_says_nothing_is_told_of_in_one_line(judge, server, run, waits, monkeypatch, caplog):
    monkeypatch.setattr("imap_fast.judge.endpoint.TIMEOUT", (600, 0.1))
    server.replies = [SILENCE]
    code, said, complained = judge(run)
    assert (code, said, caplog.text) == (1, "", "")
    assert complained.startswith(f"imap-fast: {server.url} gave no answer: ")
    assert complained.count("\n") == 1


def test_an_answer_that_cannot_be_read_is_reported_and_the_others_count(judge, server, run, tmp_path):
    server.replies = [*[completion("no idea")] * 3, completion(judgement(5))]
    code, said, complained = judge(run)
    assert code == 1
    missing, told = complained.splitlines()
    about = {"run": run.name, "concept": "square", "map": "imap"}
    assert missing == f"imap-fast: no readable answer for {json.dumps(about)}"
    assert told == "imap-fast: 1 of 6 not judged; --overwrite tries them again"
    assert "gramcol" in said
    assert written(tmp_path)["unanswered"] == [about]
    assert written(tmp_path)["means"]["imap"]["judged"] == 2
    server.requests.clear()
    assert judge(run, "--overwrite")[0] == 0
    assert len(server.requests) == 1


def test_where_nothing_could_be_read_there_is_no_table_to_fail_on(judge, server, run, tmp_path):
    server.replies = [completion("no idea")]
    code, _, complained = judge(run)
    assert code == 1
    assert complained.endswith("6 of 6 not judged; --overwrite tries them again\n")
    assert written(tmp_path)["means"] == {}


def test_a_dry_run_connects_to_nothing(judge, server, run, tmp_path, monkeypatch):
    assert judge(run)[0] == 0
    answered = sorted((tmp_path / "out" / "answers").iterdir())
    for file in answered[:2]:
        file.unlink()
    before = len(server.requests)
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("opened a socket"))
    code, said, complained = judge(run, "--dry-run", "--price-in", 2, "--price-out", 10, "--json")
    assert (code, complained) == (0, "")
    record = json.loads(said)
    assert (record["requests"], record["answered_before"]) == (2, 4)
    assert record["tokens_out"] == 500
    assert 2 * 1000 < record["tokens_in"] < 2 * 3000
    assert record["cost"] == pytest.approx((2 * record["tokens_in"] + 10 * 500) / 1e6)
    assert len(server.requests) == before
    shown = json.loads((tmp_path / "out" / "request.json").read_text())
    assert shown in [request["body"] for request in server.requests]
    assert (tmp_path / "out" / "sheet.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_maps_that_look_the_same_are_one_request(judge, server, run, tmp_path):
    moving.make_maps().save(run / "maps.npz")  # "late" is alike in both maps, which the judge is not told apart
    write_record(run, {}, ["clip.mp4", "maps.npz"])
    assert json.loads(judge(run, "--dry-run", "--json")[1])["requests"] == 5
    assert judge(run)[0] == 0
    assert len(server.requests) == 5
    assert len(written(tmp_path)["judgements"]) == 6


def test_without_prices_a_dry_run_tells_tokens_only(judge, run, tmp_path):
    code, said, _ = judge(run, "--dry-run")
    assert code == 0
    assert "6 requests to http://127.0.0.1:" in said
    assert "for a-judge; 0 are already answered" in said
    assert "--price-in and --price-out give the cost" in said
    assert said.endswith("nothing was sent\n")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["request.json", "sheet.jpg"]


def test_words_of_a_user_stay_data_in_all_that_is_written(judge, server, tmp_path):
    run = make_run(tmp_path / "nasty")
    maps = synthetic.make_maps(NASTY, grid=(moving.FRAMES, 3, 5), temporal_compression=1, prompt=NASTY[0])
    maps.save(run / "maps.npz")
    write_record(run, {}, ["clip.mp4", "maps.npz"])
    assert judge(run)[0] == 0
    sent = [json.loads(request["body"]["messages"][1]["content"][0]["text"]) for request in server.requests]
    assert [each["concept"] for each in sent] == list(NASTY) * 2
    assert {request["body"]["messages"][0]["content"] for request in server.requests} == {
        server.requests[0]["body"]["messages"][0]["content"]
    }
    assert [each["concept"] for each in written(tmp_path)["judgements"]] == list(NASTY) * 2
    names = [path.name for path in (tmp_path / "out" / "answers").iterdir()]
    assert len(names) == len(server.requests)
    assert all(len(name) == 64 + len(".json") and name.isascii() for name in names)


def test_the_video_that_a_run_names_is_found_and_a_lost_or_other_one_told(judge, run, tmp_path):
    film = (run / "clip.mp4").rename(tmp_path / "film.mp4")
    code, _, complained = judge(run)
    assert code == 2
    assert f"{run / 'clip.mp4'}, a file of this run, is missing" in complained
    write_record(run, {"command": "explain"}, ["maps.npz"])
    assert "maps of a video that was no file" in judge(run)[2]
    write_record(run, {"video": "../film.mp4", "options": {"video": sha256_of(film)}}, ["maps.npz"])
    assert judge(run)[0] == 0
    film.rename(run / "video.mp4")
    assert judge(run, "--overwrite")[0] == 0
    (run / "video.mp4").unlink()
    code, _, complained = judge(run, "--overwrite")
    assert code == 2
    assert (
        f"film.mp4, the video of this run, no longer exists; restore it, or copy it to {run / 'video.mp4'}"
        in complained
    )
    film.write_bytes(b"another film")
    code, _, complained = judge(run, "--overwrite")
    assert code == 2
    assert "film.mp4 is not the video of this run: its content is another one" in complained


def test_every_run_is_looked_at_before_anything_is_sent(judge, server, run, tmp_path):
    code, _, complained = judge(run, tmp_path / "nowhere")
    assert code == 2
    assert "nowhere holds no maps.npz" in complained
    several = tmp_path / "several"
    several.mkdir()
    synthetic.make_maps(videos=2).save(several / "maps.npz")
    write_record(several, {}, ["maps.npz"])
    assert "holds maps of several videos" in judge(run, several)[2]
    assert server.requests == []
    assert not (tmp_path / "out").exists()


def test_one_price_alone_is_wrong_use(judge, run):
    code, _, complained = judge(run, "--dry-run", "--price-in", 2)
    assert code == 2
    assert "give both, or neither" in complained


def test_a_key_that_cannot_be_sent_is_wrong_use(judge, run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY + "\n")
    code, _, complained = judge(run)
    assert code == 2
    assert "OPENAI_API_KEY is empty, or has blanks" in complained


def test_without_its_client_one_line_says_what_to_install(judge, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    code, _, complained = judge(run)
    assert code == 2
    assert complained == "imap-fast: the judge needs requests: pip install 'imap-fast[judge]'\n"


def test_of_motions_the_judge_says_how_each_label_is_by_its_map(judge, server, tmp_path):
    run = make_run(tmp_path / "run", motions=["slides right"])
    server.replies = [completion(judgement(score)) for score in (1, 2, 3, 4, 5, 5)]
    assert judge(run)[0] == 0
    record = written(tmp_path)
    shown = {label: "imap" if label == "slides right" else "gramcol" for label in LABELS}
    scores = {(each["map"], each["concept"]): each["judgement"]["sparseness"]["score"] for each in record["judgements"]}
    expected = sum(scores[name, label] for label, name in shown.items()) / 3
    assert record["means"]["by_concept"]["overall"] == pytest.approx(expected)
    assert record["means"]["by_concept"]["judged"] == 3
    assert list(record["means"]) == ["imap", "gramcol", "by_concept"]


def test_without_motions_the_judge_means_by_map_alone(judge, server, run, tmp_path):
    server.replies = [completion(judgement(3))] * 6
    assert judge(run)[0] == 0
    assert list(written(tmp_path)["means"]) == ["imap", "gramcol"]
