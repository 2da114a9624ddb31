"""The benchmark of memory: the rows that it makes of measurements."""

import json

import numpy as np
import pytest

from benchmarks import memory


def test_figures_by_length(monkeypatch, tmp_path, capsys) -> None:
    measured = {100: (700, 0.02, 7.0), 400: (710, 0.03, 16.0), 1600: (770, 0.033, 52.0)}
    monkeypatch.setattr(
        memory,
        "in_new_process",
        lambda model, frames: dict(zip(("peak", "seconds", "cpu"), measured[frames], strict=True)),
    )
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert memory.main(["--output", str(tmp_path / "memory.json")]) == 0
    report = json.loads((tmp_path / "memory.json").read_text())
    assert set(report) == {"device", "date", "versions", "rows"}
    found = {(row["name"], row["shape"]): row["value"] for row in report["rows"]}
    assert found["explain_peak_rss", "1600/100 frames"] == pytest.approx(1.1)
    assert found["explain_time_per_frame", "1600/400 frames"] == pytest.approx(1.1)
    assert found["explain_cpu_per_further_frame", "1600/400 frames"] == pytest.approx(1.0)
    assert "explain_peak_rss" in capsys.readouterr().out


def test_a_budget_that_is_too_small_has_a_row(monkeypatch) -> None:
    measured_cases = []

    def measured(model: str, frames: int, mode: str, budget: int) -> dict[str, float] | None:
        measured_cases.append((model, frames, mode, budget))
        return {"peak": 7e9, "seconds": 1.5} if mode == "group-offload" or budget == 24 else None

    monkeypatch.setattr(memory, "in_new_process", measured)
    rows = memory.gpu_rows([49, 200])
    fits = {row["shape"]: row["value"] for row in rows if row["name"] == "explain_fits"}
    assert fits["2b-49 full 8GB"] == 0
    assert fits["5b-49 group-offload 8GB"] == 1
    assert ("1.5-5b", 81, "full", 24) in measured_cases
    assert ("2b", 200, "group-offload", 8) in measured_cases  # the first that fits the smallest budget
    assert sum(row["name"] == "explain_window" for row in rows) == sum(fits.values())


def test_the_video_is_drawn_frame_by_frame() -> None:
    frames, seconds = zip(*memory.video_frames(20, 32, 48), strict=True)
    assert {frame.shape for frame in frames} == {(32, 48, 3)}
    assert seconds[8] == 1
    assert np.abs(np.diff(np.stack(frames).astype(int), axis=0)).max() > 100
