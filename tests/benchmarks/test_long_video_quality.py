"""The benchmark of long videos: its arithmetic, its quality, its seams, and its tables."""

from __future__ import annotations

import json
from contextlib import nullcontext
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.long_video import flops, quality
from benchmarks.long_video.flops import TERA, measured_share, model_rows
from benchmarks.long_video.full_size import FULL_SIZE, Window, counted
from benchmarks.long_video.quality import LENGTHS, Found, rows_of, scene_found, scores
from benchmarks.long_video.seams import begins, seam
from benchmarks.long_video.summary import long_video
from benchmarks.record import Table, row
from imap_fast.evaluate.example import GroundTruth
from imap_fast.evaluate.localization import over_time
from imap_fast.explaining.windows import Windows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "clip", "least"),
    [
        # The linear layers of the blocks up to the last one that is read, for each row of text or video.
        ("CogVideoX-2B", (49, 480, 720), 2 * 17776 * 24 * 12 * 1920**2),
        ("Wan 2.1 1.3B", (49, 480, 832), 2 * 20280 * 20 * (4 * 1536**2 + 2 * 1536 * 8960)),
        ("HunyuanVideo", (49, 480, 720), 2 * 17550 * 20 * 12 * 3072**2),
    ],
)
def test_a_window_is_counted_at_full_size(name: str, clip: tuple[int, int, int], least: int) -> None:
    window = counted(FULL_SIZE[name])
    assert (window.forward.num_frames, window.forward.height, window.forward.width) == clip
    assert least < window.transformer < 3 * least
    assert window.encoder > 2 * np.prod(clip) * 3 * 128 * 27, "one convolution of it at full size"
    assert window.windows(None).latent_frames == 13


def window(fps: float) -> Window:
    forward = SimpleNamespace(num_frames=49, height=480, width=720, temporal_compression=4, fps=fps)
    return Window(forward, 1, encoder=60 * TERA, transformer=20 * TERA)


def test_a_second_of_film_costs_its_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {each["name"]: each["value"] for each in model_rows("x", window(8.0), share=0.5)}
    assert values["encoder"] == 60
    assert values["windows: all frames, a third of a window shared"] == 24 / (9 * 4)
    now = 8 / 4 / window(8.0).windows(None).stride
    assert values["windows: the model's rate, overlap 1"] == pytest.approx(now)
    assert values["arithmetic: the model's rate, overlap 1"] == pytest.approx(80 * now)
    tiny = "the model's rate, overlap 1, tiny encoder's stand-in"
    assert values[f"arithmetic: {tiny}"] == pytest.approx(21.2 * now)
    hour = values[f"predicted hour of film on an H100 or H200: {tiny}"]
    assert hour == pytest.approx(60 * 21.2e12 * now / (0.5 * flops.PEAK))
    faster = {each["name"]: each["value"] for each in model_rows("x", window(16.0), share=0.5)}
    assert faster["windows: the model's rate, overlap 1"] == pytest.approx(3 * now), "24 is not more than 1.5 times 16"


def test_the_share_is_that_of_the_measured_pass(tmp_path: Path) -> None:
    rows = [row("stock_seconds_2b", "", 1.0, "s"), row("explain_seconds_2b", "", 0.25, "s")]
    (tmp_path / "pipeline.json").write_text(json.dumps({"rows": rows}))
    assert measured_share(flops.PEAK // 8, tmp_path / "pipeline.json") == pytest.approx(0.5)
    assert 0 < measured_share(96 * 10**12) < 1


def test_windows_begin_a_stride_apart_and_the_last_one_is_shifted_back() -> None:
    windows = Windows(25, 2, 4)
    for frames in (25, 26, 45, 49, 53, 97, 217):
        found = [begin for begin, _ in windows.split(range(windows.whole(frames)))]
        assert begins((windows.whole(frames) - 1) // 4 + 1, windows) == found


def test_a_seam_is_the_step_at_borders_over_that_within_windows() -> None:
    windows = Windows(25, 1, 4)
    values = torch.zeros(1, 13, 2, 2)
    values[0, :, 1] = torch.arange(13.0)[:, None]
    assert begins(13, windows) == [0, 6]
    assert seam(values, windows) == 1
    values[0, 6:] += 4  # of 0.5 each, one of the two steps around latent frame 6 is now 4.5
    assert seam(values, windows) == pytest.approx((0.5 + 4.5) / 2 / 0.5)
    inside = values.clone()
    inside[0, 3:] += 4
    assert seam(inside, windows) < seam(values, windows)
    # Of three windows that share three latent frames, no step between two borders is left.
    assert isnan(seam(torch.rand(1, 15, 2, 2), Windows(25, 3, 4)))
    assert not isnan(seam(torch.rand(1, 19, 2, 2), Windows(25, 1, 4)))


def test_scores_are_those_of_the_evaluation() -> None:
    draw = np.random.default_rng(0)
    saliency = draw.normal(size=(6, 4, 5)).astype(np.float32)
    active = np.array([False, True, True, False, False, True, True])  # a frame more than was read
    mask = (draw.random((7, 4, 5)) < 0.3) & active[:, None, None]
    motion, thing = GroundTruth("slides", mask, active), GroundTruth("circle", mask)
    expected = over_time(saliency, motion)
    assert scores(saliency, motion) == {"motions": expected["spacetime_auc"], "when": expected["temporal_auc"]}
    assert scores(saliency, thing) == {"objects": expected["spacetime_auc"]}
    always = scores(saliency, GroundTruth("slides", mask, np.ones(7, bool)))
    assert isnan(always["when"])
    assert always["motions"] == expected["spacetime_auc"]


def found(shift: float, seams: dict[str, float]) -> Found:
    values = {"objects": [0.5 + shift, 0.7 + shift], "motions": [nan], "when": [0.6]}
    return Found({(kind, name): given for kind, given in values.items() for name in quality.MAPS}, seams)


def test_ways_are_compared_in_pairs() -> None:
    scenes = [
        {"first": found(number / 10, {"imap": 2.0}), "second": found(number / 10 + 0.1, {})} for number in range(3)
    ]
    rows = {each["name"]: each for each in rows_of(scenes, "x")}
    assert rows["objects by imap: first"]["value"] == pytest.approx(0.7)
    assert rows["objects by imap: first"]["low"] < 0.65 < 0.75 < rows["objects by imap: first"]["high"]
    difference = rows["objects by imap: second, minus first"]
    assert (difference["low"], difference["value"], difference["high"]) == pytest.approx((0.1, 0.1, 0.1))
    assert (difference["values"], difference["clips"]) == (6, 3)
    assert rows["motions by gramcol: second"]["value"] is None
    assert rows["motions by gramcol: second"]["left_out"] == 3
    assert rows["seam by imap: first"]["value"] == 2
    assert not {"seam by imap: second", "seam by gramcol: first"} & rows.keys()


WALL = "wall time over the longer one"


@pytest.mark.slow
def test_a_scene_is_read_in_every_way() -> None:
    shortest = min(LENGTHS)
    ways = scene_found(0, num_frames=shortest)
    assert list(ways) == list(LENGTHS[shortest])
    for way in ways.values():
        assert {kind for kind, _ in way.scores} == set(quality.KINDS)
        assert all(0 <= score <= 1 for of in way.scores.values() for score in of if not isnan(score))
    every, model_rate = ways.values()
    assert every.seams.keys() == set(quality.MAPS), "all frames fill several windows"
    assert model_rate.seams == {}, "at its own rate the model sees the scene at once"


@pytest.mark.parametrize(("num_frames", "windows"), [(73, [1]), (217, [3, 4, 4, 5])])
def test_long_scenes_fill_three_windows_or_more(num_frames: int, windows: list[int]) -> None:
    of_model = [settings for settings in LENGTHS[num_frames].values() if settings["fps"] == "model"]
    passed = (num_frames - 1) // 3 + 1
    assert [Windows(25, settings.get("overlap"), 4).count(passed) for settings in of_model] == windows


def test_rows_come_while_scenes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = SimpleNamespace(map=map)
    monkeypatch.setattr(quality, "ProcessPoolExecutor", lambda *_: nullcontext(pool))
    monkeypatch.setattr(quality, "scene_found", lambda seed, **_: {"first": found(0, {}), "second": found(0.1, {})})
    sets = list(quality.measure(3, 1))
    assert [rows[0]["clips"] for rows in sets] == [1, 2, 3, 1]
    assert len({rows[0]["shape"] for rows in sets}) == len(LENGTHS)


def test_without_results_there_is_no_table(tmp_path: Path) -> None:
    assert long_video(tmp_path) == ""


def test_every_result_has_its_table(tmp_path: Path) -> None:
    def write(name: str, rows: list[dict[str, object]]) -> None:
        Table(tmp_path / f"long-video-{name}.json").add(rows)

    cost = {"maps: decode": 5.0, "maps: pass": 300.0, "overlay: decode": 4.0, "overlay: draw": 7.0}
    waits = {"the model waited for frames": 1.5, "frames waited for the model": 2.5}
    whole = {"maps, this checkout": 1.0, "overlay, this checkout": 2.0, "both, this checkout": 3.0}
    ratios = {f"{what}, this checkout over before": 0.5 for what in ("maps", "overlay", "both")}
    units = dict.fromkeys(cost, "ms") | dict.fromkeys(waits | whole, "s") | dict.fromkeys(ratios, "ratio")
    write("cost", [row(name, "60 s", value, units[name]) for name, value in (cost | waits | whole | ratios).items()])
    write("flops", [row("share of the peak", "a pass", 0.4, "ratio"), *model_rows("x", window(8.0), 0.4)])
    write("quality", rows_of([{"first": found(0, {}), "second": found(0.1, {})}] * 3, "73 frames"))
    asleep = "sleeps 2 × as long as reading takes"
    write("sleeping", [row(f"{asleep}: {what}", "60 s", 1.25, "ratio") for what in (WALL, "one after the other")])
    write("memory", [row("peak of the maps", "60 s", 2**30, "B")])
    lines = long_video(tmp_path).splitlines()
    for expected in (
        "| sleeps 2 × as long as reading takes | 1.25 × | 1.25 × |",
        "| peak of the maps | 60 s | 1,024 MiB |",
        "| ms for a second of video | decode | pass | draw |",
        "| overlay | 4 | – | 7 |",
        "The model waited 1.5 s for frames, and frames waited 2.5 s for the model.",
        "| this checkout | 1 s | 2 s | 3 s | – | – |",
        "| this checkout over before | 0.50 × | 0.50 × | 0.50 × | – | – |",
        "3 scenes, 73 frames:",
    ):
        assert expected in lines
    (counted_line,) = (line for line in lines if line.startswith("| x, 49 × 480×720 | 60 | 20 |"))
    assert "| 0.67 windows, 53.3 TFLOP; " in counted_line
    (second,) = (line for line in lines if line.startswith("| second |"))
    assert "0.70 <small>0.70–0.70</small><br>+0.100 <small>+0.100 to +0.100</small>" in second
    assert "| – |" in second
