"""What is noted of finished clips, and what becomes of it."""

import hashlib
import json
import os
import random
from contextlib import suppress
from math import isnan
from pathlib import Path

import pytest

from imap_fast.evaluate.example import DataSet
from imap_fast.evaluate.journal import CLIPS, Journal, without_nan
from imap_fast.evaluate.localization import MEASURES
from imap_fast.files import locked

SCORES = dict.fromkeys(MEASURES["object"], 0.5) | {"spatial_auc": 0.1 + 0.2, "spacetime_auc": float("nan")}
ROW = {"concept": "cat", "kind": "object", "method": "imap", **SCORES}
SEGMENTATION = {"concept": None, "kind": "segmentation", "method": "imap", "mean_iou": 0.5, "mvc8": 0.25, "mvc16": 0.0}
CLASS = {"concept": "cat", "kind": "class", "method": "imap", "intersection": 3.0, "union": 2.0**40}
OPTIONS = {"layers": [1, 2], "seed": 0}


def note(folder: Path, *clips: str, **changed: object) -> None:
    with Journal(folder, OPTIONS, **changed) as journal:
        for clip in clips:
            journal.add(clip, [ROW], "files")


def noted(folder: Path, options: dict[str, object] = OPTIONS) -> list[str]:
    with Journal(folder, options) as journal:
        return list(journal.rows)


def test_clips_come_back_exactly_with_what_was_left_out(tmp_path):
    folder = tmp_path / "new" / "folder"
    with Journal(folder, OPTIONS) as journal:
        journal.add("a", [ROW], "files")
        journal.add("b", [], "files")
        journal.add("c", [SEGMENTATION, CLASS], "files")
        checksum = journal.checksum
    with Journal(folder, OPTIONS) as journal:
        (row,) = journal.rows["a"]
        assert list(journal.rows) == ["a", "b", "c"]
        assert journal.rows["c"] == [SEGMENTATION, CLASS]
        assert journal.files == dict.fromkeys("abc", "files")
        assert journal.checksum == checksum
    assert row["spatial_auc"] == ROW["spatial_auc"]
    assert isnan(row["spacetime_auc"])
    assert "NaN" not in (folder / CLIPS).read_text()


def test_a_line_cut_off_is_dropped_and_written_over(tmp_path):
    note(tmp_path, "a")
    whole = (tmp_path / CLIPS).read_text()
    note(tmp_path, "b")
    both = (tmp_path / CLIPS).read_text()
    for cut in (len(whole), len(whole) + 1, len(whole) + 30, len(both) - 1):
        (tmp_path / CLIPS).write_text(both[:cut])
        assert noted(tmp_path) == ["a"]
        note(tmp_path, "b")
        assert (tmp_path / CLIPS).read_text() == both


def test_another_run_is_refused_by_its_difference_unless_it_begins_anew(tmp_path):
    note(tmp_path, "a")
    with pytest.raises(ValueError, match=r"layers was \[1, 2\] and is \[3\]"):
        Journal(tmp_path, OPTIONS | {"layers": [3]})
    with Journal(tmp_path, OPTIONS | {"layers": [3]}, overwrite=True) as journal:
        assert journal.rows == {}
    assert noted(tmp_path) == ["a"], "kept until there is something new"
    with Journal(tmp_path, OPTIONS | {"layers": [3]}, overwrite=True) as journal:
        journal.add("b", [ROW], "files")
    assert noted(tmp_path, OPTIONS | {"layers": [3]}) == ["b"]


def test_another_file_is_no_journal(tmp_path):
    for content in (b"mine\n", b"{}\n", b"[1]\n", b"", b"\xff\n", b"[" * 100_000 + b"\n", b'{"options": {}}\n'):
        (tmp_path / CLIPS).write_bytes(content)
        with pytest.raises(ValueError, match=r"clips\.jsonl is damaged .*; remove it and run again$"):
            Journal(tmp_path, OPTIONS)


def test_another_number_in_a_row_is_refused(tmp_path):
    note(tmp_path, "a", "b")
    content = (tmp_path / CLIPS).read_text()
    for changed in (content.replace("0.3000", "0.4000", 1), content.replace('"seed": 0', '"seed": 1')):
        (tmp_path / CLIPS).write_text(changed)
        with pytest.raises(ValueError, match="a line is not what was written"):
            Journal(tmp_path, OPTIONS)


def test_lines_of_another_evaluation_or_in_another_order_are_refused(tmp_path):
    note(tmp_path / "one", "a", "b", "c")
    with Journal(tmp_path / "other", OPTIONS | {"seed": 1}) as journal:
        journal.add("a", [{**ROW, "spatial_auc": 0.9}], "files")
    header, *lines = (tmp_path / "one" / CLIPS).read_text().splitlines(keepends=True)
    foreign = (tmp_path / "other" / CLIPS).read_text().splitlines(keepends=True)[1]
    for changed in ([foreign, *lines[1:]], [lines[1], lines[0], lines[2]], [lines[0], lines[2]], [*lines, lines[2]]):
        (tmp_path / "one" / CLIPS).write_text("".join([header, *changed]))
        with pytest.raises(ValueError, match="is damaged"):
            Journal(tmp_path / "one", OPTIONS)


def test_no_flipped_bit_gives_other_rows(tmp_path):
    with Journal(tmp_path, OPTIONS) as journal:
        for number in range(4):
            journal.add(f"clip {number}", [{**ROW, "spatial_auc": number / 7}], "files")
        expected = str(journal.rows)
    content = (tmp_path / CLIPS).read_bytes()
    draw = random.Random(3)
    for place in draw.sample(range(8 * len(content)), 300):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        (tmp_path / CLIPS).write_bytes(flipped)
        with suppress(ValueError), Journal(tmp_path, OPTIONS) as journal:
            # A line without its end was cut off.
            assert expected.startswith(str(journal.rows)[:-1])


def test_a_second_process_is_refused_until_the_first_is_done(tmp_path):
    left = tmp_path / f".{'0' * 32}.jsonl"
    with Journal(tmp_path, OPTIONS) as journal:
        journal.add("a", [ROW], "files")
        left.touch()
        for overwrite in (False, True):
            with pytest.raises(ValueError, match=f"another process is writing to {tmp_path}"):
                Journal(tmp_path, OPTIONS, overwrite=overwrite)
        journal.add("b", [ROW], "files")
        assert left.exists(), "it may belong to the first"
    with locked(tmp_path):  # by the command that writes beside it
        assert noted(tmp_path) == ["a", "b"]
    assert not left.exists()


def test_a_full_disk_loses_no_clip(tmp_path, monkeypatch):
    note(tmp_path, "a", "b")
    expected = (tmp_path / CLIPS).read_bytes()
    (tmp_path / CLIPS).unlink()
    write = Path.open

    def full(path, mode="r", *rest, **named):
        file = write(path, mode, *rest, **named)
        if path.suffix == ".jsonl" and mode != "rb":
            file.seek(0, os.SEEK_END)
            file.write(b'{"clip": "b"')
            file.close()
            raise OSError(28, "No space left on device")
        return file

    with Journal(tmp_path, OPTIONS) as journal:
        for clip in ("a", "b"):
            with monkeypatch.context() as patched:
                patched.setattr(Path, "open", full)
                with pytest.raises(OSError, match=r"clips\.jsonl cannot be written \(No space"):
                    journal.add(clip, [ROW], "files")
            journal.add(clip, [ROW], "files")
    assert (tmp_path / CLIPS).read_bytes() == expected
    assert sorted(os.listdir(tmp_path)) == [".clips.jsonl.lock", CLIPS]
    assert json.loads(expected.splitlines()[0])["options"] == OPTIONS


def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(ValueError, match=r"/dev/null/out cannot be written"):
        Journal("/dev/null/out", OPTIONS)


def test_a_line_of_another_form_is_damaged_though_its_checksum_is_right(tmp_path):
    entry = {"clip": "a", "files": "files", "rows": [without_nan(ROW)]}
    for change, says in (
        ({"rows": [without(entry["rows"][0], "method")]}, r"rows\.0\.method: Field required"),
        ({"rows": [without(entry["rows"][0], "pointing")]}, "the measures of 'object' are others"),
        ({"rows": [without(entry["rows"][0], "j")]}, "the measures of 'object' are others"),
        ({"rows": [without(CLASS, "union")]}, "the measures of 'class' are others"),
        ({"rows": [without(SEGMENTATION, "mvc8")]}, "the measures of 'segmentation' are others"),
        ({"rows": [{**entry["rows"][0], "kind": "dream"}]}, "the measures of 'dream' are others"),
        ({"rows": [{**entry["rows"][0], "pointing": "1"}]}, r"rows\.0\.pointing: Input should be a valid number"),
        ({"rows": {}}, "rows: Input should be a valid list"),
        ({"clip": 5}, "clip: Input should be a valid string"),
        ({"files": None}, "files: Input should be a valid string"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
    ):
        content, checksum = "", ""
        for each in ({"options": OPTIONS}, entry | change):
            checksum = hashlib.sha256(f"{checksum}\n{json.dumps(each)}".encode()).hexdigest()
            content += json.dumps(each | {"sha256": checksum}) + "\n"
        (tmp_path / CLIPS).write_text(content)
        with pytest.raises(ValueError, match=rf"clips\.jsonl is damaged \(.*{says}.*\); remove it and run again$"):
            Journal(tmp_path, OPTIONS)


def without(row: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in row.items() if key != name}


def test_a_file_without_lines_is_refused_before_it_is_read_whole(tmp_path):
    with (tmp_path / CLIPS).open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"clips\.jsonl is damaged \(a line is longer than 16 MiB\)"):
        Journal(tmp_path, OPTIONS)


def test_a_pipe_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / CLIPS)
    with pytest.raises(ValueError, match=r"clips\.jsonl is damaged \(it is not a regular file\)"):
        Journal(tmp_path, OPTIONS)


def test_clips_of_other_files_are_refused_by_name(tmp_path):
    video, mask = tmp_path / "a.mp4", tmp_path / "0.png"
    video.write_bytes(b"video")
    dataset = DataSet({}, {"a": pytest.fail, "made": pytest.fail}, {"a": lambda: [video, mask]})
    contents = [video.write_bytes, mask.write_bytes]
    with Journal(tmp_path / "out", OPTIONS, remedy="pass --overwrite") as journal:
        journal.add("made", [], dataset.digest("made"))
        journal.add("gone", [], "files of a clip that the data set has no more")
        for write in contents:
            write(b"before")
            journal.add("a", [], dataset.digest("a"))
            journal.refuse_other_files(dataset)
            write(b"after!")
            with pytest.raises(ValueError, match=r"other files of the clip 'a': its video, .*; pass --overwrite$"):
                journal.refuse_other_files(dataset)
        mask.unlink()
        with pytest.raises(ValueError, match="other files of the clip 'a'"):
            journal.refuse_other_files(dataset)
