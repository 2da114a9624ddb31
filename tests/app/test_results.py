"""The files of finished jobs on disk, and the files that are served."""

import os

import pytest

pytest.importorskip("starlette", reason="pip install 'imap-fast[app]' to test the app")

from starlette.applications import Starlette
from starlette.testclient import TestClient

from imap_fast.app.results import MAX_JOBS, Results


def test_a_job_that_fails_leaves_nothing(tmp_path):
    def fail():
        with Results(tmp_path).new() as folder:
            (folder / "maps.npz").touch()
            raise ValueError("no video")

    with pytest.raises(ValueError, match="no video"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_only_the_newest_jobs_are_kept(tmp_path):
    results = Results(tmp_path)
    made = []
    for age in range(MAX_JOBS + 3, 0, -1):
        with results.new() as folder:
            (folder / "maps.npz").touch()
        os.utime(folder, (0, 1e9 - age))
        made.append(folder)
    with results.new() as newest:
        pass
    assert set(tmp_path.iterdir()) == {*made[-(MAX_JOBS - 1) :], newest}


def test_only_results_are_served(tmp_path):
    results = Results(tmp_path / "results")
    with results.new() as folder:
        for name in ("report.html", "run.json"):
            (folder / name).write_text("<p>")
    (tmp_path / "report.html").write_text("not of a job")
    client = TestClient(Starlette(routes=[results.route]))
    report = client.get(f"/results/{folder.name}/report.html")
    assert (report.status_code, report.text) == (200, "<p>")
    assert report.headers["content-security-policy"] == "sandbox allow-scripts allow-downloads"
    others = ("run.json", "maps.npz", "..%2freport.html")
    paths = [f"{folder.name}/{name}" for name in others] + ["%2e%2e/report.html", "other/report.html"]
    assert [client.get(f"/results/{path}").status_code for path in paths] == [404] * 5
