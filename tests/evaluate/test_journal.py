"""What is noted of finished clips, and what becomes of it."""

from math import isnan

import pytest

from imap_fast.evaluate.journal import CLIPS, Journal

ROW = {"concept": "cat", "kind": "object", "method": "imap", "spatial_auc": 0.1 + 0.2, "spacetime_auc": float("nan")}
OPTIONS = {"layers": [1, 2], "seed": 0}


def test_clips_come_back_exactly_with_what_was_left_out(tmp_path):
    journal = Journal(tmp_path / "new" / "folder", OPTIONS)
    journal.add("a", [ROW])
    journal.add("b", [])
    (row,) = Journal(tmp_path / "new" / "folder", OPTIONS).rows["a"]
    assert row["spatial_auc"] == ROW["spatial_auc"]
    assert isnan(row["spacetime_auc"])
    assert "NaN" not in (tmp_path / "new" / "folder" / CLIPS).read_text()
    segmentation = {**ROW, "concept": None, "kind": "segmentation"}
    journal.add("c", [segmentation])
    assert Journal(tmp_path / "new" / "folder", OPTIONS).rows["c"][0]["concept"] is None


def test_a_line_cut_off_is_dropped_and_written_over(tmp_path):
    Journal(tmp_path, OPTIONS).add("a", [ROW])
    whole = (tmp_path / CLIPS).read_text()
    for cut in range(1, 20, 6):
        (tmp_path / CLIPS).write_text(whole + whole.splitlines()[1][:cut])
        journal = Journal(tmp_path, OPTIONS)
        assert list(journal.rows) == ["a"]
        journal.add("b", [ROW])
        assert list(Journal(tmp_path, OPTIONS).rows) == ["a", "b"]


def test_another_run_is_refused_by_its_difference_unless_it_begins_anew(tmp_path):
    Journal(tmp_path, OPTIONS).add("a", [ROW])
    with pytest.raises(ValueError, match=r"layers was \[1, 2\] and is \[3\]"):
        Journal(tmp_path, OPTIONS | {"layers": [3]})
    journal = Journal(tmp_path, OPTIONS | {"layers": [3]}, overwrite=True)
    assert journal.rows == {}
    assert list(Journal(tmp_path, OPTIONS).rows) == ["a"], "kept until there is something new"
    journal.add("b", [ROW])
    assert list(Journal(tmp_path, OPTIONS | {"layers": [3]}).rows) == ["b"]


def test_another_file_is_no_journal(tmp_path):
    for content in ("mine\n", "{}\n", "[1]\n"):
        (tmp_path / CLIPS).write_text(content)
        with pytest.raises(ValueError, match="is damaged"):
            Journal(tmp_path, OPTIONS)


def test_a_folder_that_cannot_be_written_is_refused():
    with pytest.raises(ValueError, match=r"/dev/null/out cannot be written"):
        Journal("/dev/null/out", OPTIONS)
