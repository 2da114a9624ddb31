"""What is kept inside of maps, and maps that are drawn while a video is made, from the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from rich.console import Console

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.inside import InsideOptions, axes, heads, region
from imap_fast.cli.progress import progress
from imap_fast.cli.streams import complain
from imap_fast.cli.watch import half_blocks, watched
from imap_fast.video.decode import VideoFile
from tests.cli.test_commands import explain, video  # noqa: F401  (fixtures)
from tests.render.synthetic import NASTY_LABELS, make_maps

GENERATE = ["generate", "--model", "demo", "--prompt", "a red circle moves right", "--concepts", "red circle, ground",
            "--num-inference-steps", "4", "--num-frames", "9"]  # fmt: skip


def test_lists() -> None:
    assert axes("steps, layers") == ["layers", "steps"]
    assert axes("steps") == ["steps"]
    assert heads(" 12:3,12:7 ,0:0") == [(12, 3), (12, 7), (0, 0)]


@pytest.mark.parametrize("text", ["heads", "layers,,steps", "", "layers;steps"])
def test_axes_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is unknown; choose from layers, steps"):
        axes(text)


@pytest.mark.parametrize("text", ["12", "12:", ":3", "12:3:4", "12-3", "a:b", "-1:3", "99999:1", "12:³", ""])
def test_heads_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no layer and head; write them like 12:3,12:7"):
        heads(text)


@pytest.mark.slow
def test_generate_keeps_layers_steps_and_heads(tmp_path: Path) -> None:
    kept = ["--keep", "layers,steps", "--heads", "1:2,3:0", "--maps", "imap,text_attention"]
    assert main([*GENERATE, *kept, "--output", str(tmp_path)]) == 0
    maps = SaliencyMaps.load(tmp_path / "maps.npz")
    assert maps.by_layer_and_step["imap"].shape[:2] == (len(maps.layers), 4)
    assert list(maps.by_head) == [(1, 2), (3, 0)]
    assert maps.text_attention.shape == (2, 2)
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["keep"] == ["layers", "steps"]


@pytest.mark.slow
def test_explain_keeps_them_and_resumes_with_the_same_options(explain, tmp_path: Path, capsys) -> None:  # noqa: F811
    kept = ["--keep", "layers", "--heads", "0:1"]
    assert explain(*kept) == 0
    maps = SaliencyMaps.load(tmp_path / "out" / "maps.npz")
    assert maps.by_layer["imap"].shape[0] == len(maps.layers)
    assert list(maps.by_head) == [(0, 1)]
    assert explain(*kept) == 0
    assert "done before" in capsys.readouterr().out
    assert explain("--keep", "steps", "--heads", "0:1") == 2
    assert "keep was ['layers'] and is ['steps']" in capsys.readouterr().err
    assert explain() == 2
    assert "keep was ['layers'] and is None" in capsys.readouterr().err


def test_a_layer_that_is_not_read_is_named(tmp_path: Path, capsys) -> None:
    assert main([*GENERATE, "--heads", "0:2", "--output", str(tmp_path)]) == 2
    assert "heads names layer 0, which is not read; name one of 1, 3, or add it to layers" in capsys.readouterr().err


def test_watch_needs_a_terminal(tmp_path: Path, capsys) -> None:
    assert main([*GENERATE, "--watch", "--output", str(tmp_path)]) == 2
    assert "maps are drawn in a terminal, and stderr is none; omit it" in capsys.readouterr().err


def drawn(width: int, *shown: tuple[int, SaliencyMaps], total: int | None = 4) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, height=60, color_system="truecolor", _environ={})
    with watched(console, total) as on_step:
        for step, maps in shown:
            on_step(step, maps)
    return file.getvalue()


def test_each_step_is_drawn() -> None:
    found = drawn(80, (0, make_maps()), (1, make_maps(seed=1)))
    for expected in ("step 0 of 0–3", "step 1 of 0–3", "alpaca", "running", "grass"):
        assert expected in found
    assert "step 2\n" in drawn(80, (2, make_maps()), total=None)
    drawings, rest = divmod(found.count("▀"), 3 * 3 * (3 * 7 + 2))  # concepts, lines of a frame, frames and gaps
    assert drawings >= 2
    assert rest == 0


def test_a_warning_meanwhile_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    content = io.BytesIO()
    terminal = Terminal(content, "utf-8")
    monkeypatch.setattr(sys, "stderr", terminal)
    for shown in (lambda console: watched(console, 4), lambda console: progress(console, "generating")):
        console = Console(stderr=True, force_terminal=True, width=80, _environ={})
        with shown(console):
            complain("a word was added")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.getvalue().decode().replace("\r", "\n")).splitlines()
    assert lines.count("imap-fast: a word was added") == 2


@pytest.mark.parametrize("width", [20, 40, 200])
def test_it_fits_the_width(width: int) -> None:
    found = drawn(width, (0, make_maps(NASTY_LABELS, grid=(13, 30, 45))))
    for line in found.splitlines():
        assert line.count("▀") <= width


def test_labels_are_text() -> None:
    found = drawn(80, (0, make_maps(("[red]x[/red]", "b"))))
    assert "[red]x[/red]" in found
    many = drawn(80, (0, make_maps([f"t{i}" for i in range(226)], grid=(1, 2, 2))))
    assert "and 220 more" in many


@pytest.mark.parametrize(
    ("width", "across", "frames", "patches"),
    [(23, 7, 3, 7), (22, 7, 2, 7), (31, 7, 4, 7), (5, 7, 1, 7), (99, 45, 4, 24)],
)
def test_as_many_frames_as_the_width_holds(monkeypatch, width: int, across: int, frames: int, patches: int) -> None:
    asked = []

    def strips(values: list, *arguments: int) -> list[np.ndarray]:
        asked.append(arguments)
        return [np.zeros((2, 1, 3), np.uint8)] * len(values)

    monkeypatch.setattr("imap_fast.render.live.heat_strips", strips)
    drawn(width, (0, make_maps(grid=(5, 3, across))))
    assert asked == [(frames, patches)]


@pytest.mark.parametrize(("count", "says"), [(6, ""), (7, "and 1 more")])
def test_the_first_concepts_are_drawn(count: int, says: str) -> None:
    found = drawn(80, (0, make_maps([f"t{i}" for i in range(count)], grid=(1, 2, 2))))
    assert [f"t{i}" in found for i in range(count)] == [True] * 6 + [False] * (count - 6)
    assert ("more" in found) == bool(says)
    assert says in found


def test_an_odd_number_of_rows() -> None:
    picture = np.arange(18, dtype=np.uint8).reshape(3, 2, 3)
    text = half_blocks(picture)
    assert text.plain == "▀▀\n▀▀\n"
    colours = [[colour and tuple(colour.triplet) for colour in (span.style.color, span.style.bgcolor)]
               for span in text.spans]  # fmt: skip
    above, below, last = ([tuple(pixel) for pixel in row] for row in picture.tolist())
    assert colours == [[above[0], below[0]], [above[1], below[1]], [last[0], None], [last[1], None]]


@pytest.mark.parametrize(
    ("text", "option", "expected"),
    [
        ("ball=1.5,320,240", "--point", ("ball", (1.5, 320.0, 240.0))),
        (" the ball = 0 , 3.5,4", "--point", ("the ball", (0.0, 3.5, 4.0))),
        ("dog=0,10,20,200,180", "--box", ("dog", (0.0, 10.0, 20.0, 200.0, 180.0))),
        ("cat=2,a,b=c.png", "--mask", ("cat", (2.0, "a,b=c.png"))),
    ],
)
def test_regions(text: str, option: str, expected: tuple) -> None:
    assert region(text, option) == expected


@pytest.mark.parametrize(
    ("text", "option", "form"),
    [
        ("1.5,320,240", "--point", "S,X,Y"),
        ("=1,2,3", "--point", "S,X,Y"),
        ("ball=1,2", "--point", "S,X,Y"),
        ("ball=1,2,3,4", "--point", "S,X,Y"),
        ("ball=1,2,x", "--point", "S,X,Y"),
        ("ball=1,2,3", "--box", "S,LEFT,TOP,RIGHT,BOTTOM"),
        ("ball=mask.png", "--mask", "S,FILE.png"),
        ("ball=1,", "--mask", "S,FILE.png"),
    ],
)
def test_what_is_no_region(text: str, option: str, form: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"is no region; write it like NAME={form}$"):
        region(text, option)


def test_a_time_may_be_text() -> None:
    assert region("ball=1:02.5,3,4", "--point") == ("ball", (62.5, 3.0, 4.0))
    assert region("ball=0:01,mask.png", "--mask") == ("ball", (1.0, "mask.png"))


@pytest.mark.parametrize("option", ["point", "box", "mask"])
def test_what_is_not_given_is_left_out(option: str) -> None:
    nothing = InsideOptions()
    assert (nothing.trace_arguments(), nothing.identity(), nothing.has_regions) == ({}, {}, False)
    text, expected = {"point": ("a=1,2,3", (1, 2, 3)), "box": ("a=1,2,3,4,5", (1, 2, 3, 4, 5)),
                      "mask": ("a=1,m.png", (1, "m.png"))}[option]  # fmt: skip
    given = InsideOptions(**{option: [text]})
    assert given.trace_arguments() == {"regions": {"a": expected}}
    assert given.has_regions


@pytest.mark.parametrize("stretches", [[], [(None, None)], [(1, 1.5)], [(None, 1.5)], [(0.5, None), (0.8, 2)]])
def test_a_region_inside_of_each_stretch(stretches: list) -> None:
    InsideOptions(point=["a=1,2,3"]).check_stretches(stretches)


@pytest.mark.parametrize(
    ("stretches", "read"),
    [
        ([(1.1, 2)], "1.1 s to 2 s"),
        ([(0.5, 1)], "0.5 s to 1 s"),
        ([(None, 0.5)], "0 s to 0.5 s"),
        ([(1.5, None)], "1.5 s to the end"),
        ([(0.5, 1.5), (2, 3)], "2 s to 3 s"),
    ],
)
def test_a_region_outside_of_a_stretch(stretches: list, read: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"the region 'a' is at 1 s, and {read} is read; explain stretches"):
        InsideOptions(point=["a=1,2,3"]).check_stretches(stretches)


def test_a_region_before_the_video() -> None:
    InsideOptions(point=["a=0,2,3"]).check_stretches([(None, None)])
    with pytest.raises(typer.BadParameter, match="'a=-1,2,3' is no region; write it like NAME=S,X,Y"):
        InsideOptions(point=["a=-1,2,3"]).check_stretches([(None, None)])


def test_two_regions_of_one_name(tmp_path: Path, capsys) -> None:
    assert main([*GENERATE, "--point", "a=0,1,1", "--box", "a=0,1,1,3,3", "--output", str(tmp_path)]) == 2
    assert "'a' is named twice; give each region its own name" in capsys.readouterr().err


@pytest.mark.slow
def test_explain_follows_regions(explain, video, tmp_path: Path, capsys) -> None:  # noqa: F811
    height, width = next(iter(VideoFile(video).pictures())).picture.size
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 2] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    marked = ["--point", "p=0,3,4", "--box", "b=0.1,1,1,20,20", "--mask", f"m=0,{tmp_path / 'mask.png'}"]
    assert explain(*marked) == 0
    folder = tmp_path / "out"
    maps = SaliencyMaps.load(folder / "maps.npz")
    assert maps.regions == ("p", "b", "m")
    rows = list(csv.DictReader((folder / "tracks.csv").open()))
    frames = maps.settings["video"]["num_frames"]
    assert [row["label"] for row in rows] == [label for label in ("p", "b", "m") for _ in range(frames)]
    tracks = json.loads((folder / "tracks.json").read_text())
    assert (tracks["width"], tracks["height"]) == (width, height)
    assert "tracks.csv" in capsys.readouterr().out
    assert explain(*marked) == 0
    assert "done before" in capsys.readouterr().out
    Image.fromarray(255 - mask).save(tmp_path / "mask.png")
    assert explain(*marked) == 2, "the mask is another one"
    assert "regions.m.mask changed" in capsys.readouterr().err


@pytest.mark.slow
def test_generate_follows_a_point_without_words(tmp_path: Path) -> None:
    command = [*GENERATE[:5], "--num-inference-steps", "4", "--point", "p=0.5,20,30", "--output", str(tmp_path)]
    assert main(command) == 0
    maps = SaliencyMaps.load(tmp_path / "maps.npz")
    assert list(maps.maps) == ["region_cosine"]
    assert maps.labels == ("p",)
    rows = list(csv.DictReader((tmp_path / "tracks.csv").open()))
    rate = float(VideoFile(tmp_path / "video.mp4").fps)
    assert [float(row["seconds"]) for row in rows] == pytest.approx([frame / rate for frame in range(len(rows))])
