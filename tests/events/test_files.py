"""Events as files: what is written is what was found, whatever a label is."""

import csv
import io
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_fast.events.event import Event
from imap_fast.events.events import Events
from imap_fast.events.files import csv_of, webvtt_of
from tests.report.driving import DESKTOP

REFERENCES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&lrm;": "\u200e", "&rlm;": "\u200f"}
NASTY = (
    "=HYPERLINK(1)",
    "'quoted'",
    "+1",
    "＝2",
    " -3",
    '"a", b',
    "a --> b",
    "<b>&amp;</b>",
    "two\nlines",
    "NOTE",
    "日本語",
)

labels = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20) | st.sampled_from(NASTY)
times = st.floats(0, 10**5)
intervals = st.builds(
    lambda label, start, length, first, frames, confidence: Event(
        label, start, start + length, first, first + frames, confidence
    ),
    *(labels, times, st.floats(0.001, 1000), st.integers(0, 10**6), st.integers(0, 1000), st.floats(0, 1)),
)


def events_of(*events: Event, steady=()) -> Events:
    return Events(events, dict.fromkeys([*(event.label for event in events), *steady], "imap"), 10**7)


@settings(max_examples=50)
@given(st.lists(intervals, max_size=4), labels)
def test_json_has_everything(events, steady):
    found = events_of(*events, steady=[steady])
    record = json.loads(json.dumps(found.record()))
    assert [Event(**each) for each in record["events"]] == events
    assert record["maps"] == found.maps
    assert record["steady"] == list(found.steady)


@settings(max_examples=50)
@given(st.lists(intervals, max_size=4))
def test_csv_gives_the_same_events_and_no_formula(events):
    rows = list(csv.DictReader(io.StringIO(csv_of(events), newline="")))
    for row in rows:
        assert not re.match(r"\s*[=+\-@＝＋－＠]", row["label"])
        row["label"] = row["label"].removeprefix("'")
    assert [
        Event(row["label"], *(float(row[name]) for name in ("start", "end")), int(row["first_frame"]),
              int(row["last_frame"]), float(row["confidence"]))
        for row in rows
    ] == events  # fmt: skip


def cues(text: str) -> list[tuple[float, float, str]]:
    """The cues of a file by the grammar of WebVTT: blocks between blank lines, a line of times, a line of text."""
    header, *blocks = text.rstrip("\n").split("\n\n")
    assert header == "WEBVTT"
    found = []
    for block in blocks:
        first, *lines = block.split("\n")
        if first.startswith("NOTE") and "-->" not in block:
            assert not lines
            continue
        stamp = r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})"
        numbers = list(map(int, re.fullmatch(f"{stamp} --> {stamp}", first).groups()))
        begin, end = (3600 * h + 60 * m + s + ms / 1000 for h, m, s, ms in (numbers[:4], numbers[4:]))
        (line,) = lines
        assert "-->" not in line
        assert not re.search("[<>]", line)
        found.append((begin, end, re.sub("&[a-z]+;", lambda match: REFERENCES[match[0]], line)))
    return found


@settings(max_examples=50)
@given(st.lists(intervals, max_size=4), labels)
def test_webvtt_gives_the_same_times_to_a_millisecond(events, steady):
    found = cues(webvtt_of(events, [steady]))
    assert len(found) == len(events)
    for (begin, end, text), event in zip(found, events, strict=True):
        assert begin == pytest.approx(event.start, abs=0.001)
        assert end == pytest.approx(event.end, abs=0.002)
        assert end > begin
        assert text == (" ".join(event.label.replace("\0", "\ufffd").split()) or "\ufffd")


def test_a_file_is_written_whole_by_its_suffix(tmp_path):
    found = events_of(Event("jumping", 0.5, 1.25, 4, 9, 0.75), steady=["table"])
    for suffix in ("json", "csv", "VTT"):
        found.save(tmp_path / "new" / f"events.{suffix}")
    assert json.loads((tmp_path / "new" / "events.json").read_text()) == found.record()
    assert (tmp_path / "new" / "events.csv").read_bytes() == (
        b"label,start,end,first_frame,last_frame,confidence\r\njumping,0.5,1.25,4,9,0.75\r\n"
    )
    assert (tmp_path / "new" / "events.VTT").read_text() == (
        "WEBVTT\n\nNOTE steady: table\n\n00:00:00.500 --> 00:00:01.250\njumping\n"
    )
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_what_cannot_be_written_leaves_what_is_there(tmp_path):
    found = events_of(Event("jumping", None, None, 4, 9, 0.75))
    (tmp_path / "events.vtt").write_text("mine")
    with pytest.raises(ValueError, match="needs times"):
        found.save(tmp_path / "events.vtt")
    with pytest.raises(ValueError, match=r"not 'events\.txt'"):
        found.save(tmp_path / "events.txt")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("events.vtt", "mine")]
    found.save(tmp_path / "events.csv")
    assert (tmp_path / "events.csv").read_text().splitlines()[1] == "jumping,,,4,9,0.75"


@pytest.mark.slow
def test_a_browser_reads_the_cues(new_page):
    events = [Event(label, 1.0 + number, 3600.5, 0, 1, 0.5) for number, label in enumerate(NASTY)]
    page = new_page(viewport=DESKTOP, scheme="light")
    page.set_content("<video></video>")
    found = page.evaluate(
        """async (text) => {
          const track = document.createElement("track");
          track.src = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
          document.querySelector("video").append(track);
          track.track.mode = "hidden";
          await new Promise((done, failed) => ((track.onload = done), (track.onerror = failed)));
          return [...track.track.cues].map((cue) => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent]);
        }""",
        webvtt_of(events, NASTY),
    )
    assert found == [[event.start, event.end, " ".join(event.label.split())] for event in events]
