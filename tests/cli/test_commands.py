"""The command line: what it writes, what it says, and how it ends."""

import json
from importlib.metadata import entry_points
from io import StringIO

import numpy as np
import pytest
import torch
from diffusers import CogVideoXImageToVideoPipeline
from rich.console import Console

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.progress import frames_progress, progress
from imap_fast.loading import pipeline
from imap_fast.video import Clip, read_clip
from tests import tiny_hunyuan_video, tiny_wan
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline
from tests.video.media import draw_frames, write_sound

RESULTS = ["grid.png", "maps.npz", "overlay.mp4", "run.json"]
CONCEPTS = "red circle, ../grass/$x^2$"


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    Clip(draw_frames(11, 60, 90, seed=1), 12).save(path)
    return path


@pytest.fixture
def explain(tiny_folder, video, tmp_path):
    """`imap-fast explain` on a tiny model, with options added or replaced."""

    def run(*arguments, **replaced):
        given = {
            "model": tiny_folder,
            "prompt": "a red circle on grass",
            "concepts": CONCEPTS,
            "output": tmp_path / "out",
            "layers": "0-2",
            "top-k": 2,
        } | replaced
        named = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
        return main(["explain", str(video), *named, *arguments])

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_is_installed_as_a_command():
    (command,) = entry_points(group="console_scripts", name="imap-fast")
    assert command.load() is main


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_the_commands(arguments, capsys):
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("demo", "generate", "explain", "report", "doctor"))


@pytest.mark.slow
def test_explain_writes_all_there_is_and_is_quiet(explain, tiny_folder, tmp_path, capsys):
    assert explain() == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert said.splitlines()[0].endswith(" s; 1 shot; agreement unknown")
    assert all(str(tmp_path / "out" / name) in said for name in RESULTS)
    assert names(tmp_path / "out") == RESULTS
    maps = SaliencyMaps.load(tmp_path / "out" / "maps.npz")
    assert maps.labels == ("red circle", "../grass/$x^2$")
    assert maps.layers == (0, 1, 2)
    assert len(read_clip(tmp_path / "out" / "overlay.mp4").frames) == 9
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["labels"] == list(maps.labels)
    assert record["settings"] == maps.settings | {"model": tiny_folder.name}
    assert str(tiny_folder) not in (tmp_path / "out" / "run.json").read_text()
    assert record["dtype"] == "float32"
    assert (tmp_path / "out" / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_explain_for_machines_prints_one_object(explain, tmp_path, capsys):
    assert explain("--json", seed=5, steps="10,12-13", maps="gramcol,cross_attention") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["steps"] == [10, 12, 13]
    assert record["seed"] == 5
    assert {name: tmp_path / "out" / name for name in RESULTS} == {
        name: type(tmp_path)(path) for name, path in record["files"].items()
    }
    assert set(SaliencyMaps.load(tmp_path / "out" / "maps.npz").maps) == {"gramcol", "cross_attention"}


@pytest.mark.slow
def test_explain_with_several_noises_says_how_sure_the_maps_are(explain, tmp_path, capsys):
    assert explain("--json", noises=2) == 0
    said, complained = capsys.readouterr()
    record = json.loads(said)
    maps = SaliencyMaps.load(tmp_path / "out" / "maps.npz")
    assert record["settings"]["repeats"] == maps.settings["repeats"] == {"of": "noises", "count": 2}
    assert maps.settings["runs"][0]["seed"] == 0
    assert record["agreement"] == {
        name: dict(zip(maps.labels, agreement.tolist(), strict=True)) for name, agreement in maps.agreements.items()
    }
    (line,) = complained.splitlines()
    assert line.startswith("imap-fast: another noise would give another map of '")
    assert line.endswith("; average more with --noises 8")
    assert explain("--overwrite", "--json") == 0
    assert json.loads(capsys.readouterr().out)["agreement"] is None


@pytest.mark.slow
def test_explain_by_the_words_of_the_prompt(explain, tmp_path):
    assert explain(match="prompt", concepts=None) == 0
    assert "</s>" in SaliencyMaps.load(tmp_path / "out" / "maps.npz").labels


@pytest.mark.slow
def test_one_concept_gets_a_background_unless_it_shall_not(explain, tmp_path, capsys):
    assert explain(concepts="circle") == 0
    assert "'background' was added" in capsys.readouterr().err
    assert explain("--no-background", concepts="circle", output=tmp_path / "alone") == 0
    assert SaliencyMaps.load(tmp_path / "out" / "maps.npz").labels == ("circle", "background")
    assert SaliencyMaps.load(tmp_path / "alone" / "maps.npz").labels == ("circle",)


@pytest.mark.slow
def test_generate_writes_the_video_too(tiny_folder, tmp_path, capsys):
    arguments = ["--model", tiny_folder, "--prompt", "a cat", "--concepts", "cat,dog", "--output", tmp_path / "new/out"]
    arguments += ["--num-inference-steps", 2, "--num-frames", 9, "--layers", "1", "--top-k", 2, "--seed", 3, "--json"]
    assert main(["generate", *map(str, arguments)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert names(tmp_path / "new/out") == sorted([*RESULTS, "video.mp4"])
    assert record["steps"] == [0, 1]
    assert record["grid"][0] == 3
    written = read_clip(tmp_path / "new/out/video.mp4").frames
    assert len(written) == 9

    again = tiny_pipeline()(
        "a cat",
        num_inference_steps=2,
        num_frames=9,
        max_sequence_length=24,
        generator=torch.Generator().manual_seed(3),
        output_type="np",
    ).frames[0]
    Clip.of(again).save(tmp_path / "again.mp4")
    # Not byte for byte: a matrix product's last bit may follow where its memory lies, and now and then a pixel with it.
    difference = read_clip(tmp_path / "again.mp4").frames.astype(int) - written
    assert np.abs(difference).mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [tiny_wan, tiny_hunyuan_video])
def test_other_architectures_are_generated_and_explained(architecture, video, tmp_path, capsys):
    model, out = tmp_path / "model", tmp_path / "out"
    architecture.tiny_pipeline().save_pretrained(model)
    asked = ["--model", model, "--prompt", "a cat running", "--concepts", "running,cat", "--match", "prompt"]
    asked += ["--layers", "1", "--top-k", 2, "--json", "--height", HEIGHT, "--width", WIDTH, "--num-frames", 9]
    for command in (["explain", video, "--output", out / "a"], ["generate", "--output", out / "b"]):
        steps = ["--num-inference-steps", 2] if command[0] == "generate" else []
        assert main([str(word) for word in [*command, *asked, *steps]]) == 0
    explained, generated = map(json.loads, capsys.readouterr().out.splitlines())
    assert explained["labels"] == generated["labels"] == ["running", "cat"]
    assert explained["steps"] == [20]
    assert generated["steps"] == [0, 1]
    assert names(out / "b") == sorted([*RESULTS, "video.mp4"])


def test_generate_refuses_a_model_that_needs_an_image(tmp_path, capsys):
    tiny_pipeline(CogVideoXImageToVideoPipeline, in_channels=8).save_pretrained(tmp_path / "model")
    arguments = ["--model", str(tmp_path / "model"), "--prompt", "a cat", "--concepts", "cat,dog"]
    assert main(["generate", *arguments, "--output", str(tmp_path / "out")]) == 2
    assert "starts from an image" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_results_are_not_replaced_unasked(explain, tmp_path, capsys):
    output = tmp_path / "out"
    output.mkdir()
    (output / "maps.npz").write_text("precious")
    (output / "notes.txt").write_text("mine")
    assert explain() == 2
    assert "already holds maps.npz; pass --overwrite" in capsys.readouterr().err
    assert explain("--overwrite", layers="7") == 2
    assert "layer 7" in capsys.readouterr().err
    assert (output / "maps.npz").read_text() == "precious"
    assert names(output) == ["maps.npz", "notes.txt"]
    assert explain("--overwrite") == 0
    assert names(output) == sorted([*RESULTS, "notes.txt"])
    assert SaliencyMaps.load(output / "maps.npz").labels


def ends_while_drawing(error, monkeypatch):
    def end(*_):
        raise error

    monkeypatch.setattr("imap_fast.render.grid.grid_figure", end)


def test_a_fault_of_the_program_shows_its_traceback(explain, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("a fault")

    monkeypatch.setattr("imap_fast.explaining.explainer.Explainer._pass", fail)
    assert explain("--json") == 1
    said, complained = capsys.readouterr()
    assert "Traceback" in complained
    assert json.loads(said) == {"error": "RuntimeError: a fault", "exit_code": 1}


def test_an_interruption_is_told(explain, monkeypatch, capsys):
    ends_while_drawing(KeyboardInterrupt(), monkeypatch)
    assert explain() == 1
    assert capsys.readouterr().err.splitlines()[1] == "imap-fast: interrupted; no results were written"


WRONG = {
    "concepts": [(None, "--concepts"), ("a,,b", "empty"), ("a,b,a", "'a'"), ("a" * 200 + ",b", "16")],
    "motions": [("runs,", "motion 1 is empty"), ("runs,runs", "'runs'"), (" red circle", "among concepts and among")],
    "model": [("./nowhere", "no such folder"), (".", "model_index.json")],
    "layers": [("4,x", "'x'"), ("3-1", "3-1"), ("", "''"), ("0-3", "layer 3")],
    "steps": [("50", "step 50"), ("-1", "-1")],
    "top-k": [("0", "top-k"), ("5", "4 heads"), ("two", "top-k")],
    "maps": [("imap,heat", "'heat'")],
    "match": [("image", "'image'")],
    "head-score": [("best", "'best'")],
    "normalize": [("max", "'max'")],
    "pooling": [("last", "'last'")],
    "dtype": [("int8", "'int8'")],
    "window": [("0", "window")],
    "overlap": [("3", "overlap=3")],
    "windows-per-batch": [("0", "'0'"), ("many", "'many'")],
    "noises": [("0", "noises"), ("two", "noises"), ("1001", "1000")],
    "memory": [("none", "'none'"), ("model-offload", "on a CPU use full")],
    "quantize": [("int4", "'int4'")],
    "concepts-file": [("concepts.txt", "either here or in a file")],
    "device": [("toaster", "toaster"), ("cuda:99", "cuda:99")],
    "backend": [("cuda", "'cuda'")],
    "height": [("0", "height"), ("33", "33")],
    "num-frames": [("0", "num-frames")],
    "output": [("/dev/null/out", "/dev/null/out")],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "value", "says"), [(option, *case) for option, cases in WRONG.items() for case in cases], ids=str
)
def test_wrong_use_is_answered_with_one_line(option, value, says, explain, tmp_path, capsys):
    assert explain("--json", **{option: value}) == 2
    said, complained = capsys.readouterr()
    assert complained.startswith("imap-fast: ")
    assert complained.count("\n") == 1
    assert says in complained
    assert complained == f"imap-fast: {json.loads(said)['error']}\n"
    assert names(tmp_path) == ["clip.mp4"]


def test_a_wrong_video_is_found_before_the_model_is_loaded(tiny_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("imap_fast.loading.pipeline.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    (tmp_path / "empty.mp4").touch()
    write_sound(tmp_path / "sound.m4a")
    for name, says in {"nothing.mp4": "no such file", "empty.mp4": "is empty", "sound.m4a": "no picture"}.items():
        arguments = [str(tmp_path / name), "--model", str(tiny_folder), "--prompt", "a", "--concepts", "a,b"]
        assert main(["explain", *arguments, "--output", str(tmp_path / "out")]) == 2
        assert says in capsys.readouterr().err


@pytest.mark.parametrize("place", ["/dev/null/out", "{video}"])
def test_an_unwritable_folder_is_found_before_the_model_is_loaded(place, explain, video, monkeypatch, capsys):
    monkeypatch.setattr("imap_fast.loading.pipeline.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    assert explain(output=place.format(video=video)) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["paint"], ["explain", "--colour", "red"], ["generate"]])
def test_an_unknown_command_or_option_is_wrong_use(arguments, capsys):
    assert main(arguments) == 2
    said, complained = capsys.readouterr()
    assert said == ""
    assert complained.startswith("imap-fast: ")
    assert "Traceback" not in complained


@pytest.mark.parametrize(("rotary", "bf16", "expected"), [(0, 1, "float16"), (1, 1, "bfloat16"), (1, 0, "float16")])
def test_dtype_is_what_the_checkpoint_was_published_in(rotary, bf16, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bool(bf16))
    transformer = tiny_pipeline(use_rotary_positional_embeddings=bool(rotary)).transformer
    transformer.save_pretrained(tmp_path / "transformer")
    assert pipeline._dtype("auto", torch.device("cuda"), str(tmp_path)) is getattr(torch, expected)
    assert pipeline._dtype("auto", torch.device("cpu"), str(tmp_path)) is torch.float32
    assert pipeline._dtype("float16", torch.device("cpu"), str(tmp_path)) is torch.float16


def test_dtype_reaches_the_weights(tiny_folder):
    loaded = pipeline.load_pipeline(str(tiny_folder), dtype="bfloat16", device="cpu", console=Console(stderr=True))
    assert {loaded.transformer.dtype, loaded.vae.dtype, loaded.text_encoder.dtype} == {torch.bfloat16}


@pytest.mark.slow
def test_an_attention_call_that_cannot_run_is_said(explain, capsys):
    assert explain("--attention-backend", "flash") == 0
    assert "imap-fast: attention_backend='flash' cannot run here" in capsys.readouterr().err
    assert explain("--overwrite", "--attention-backend", "quick") == 2
    assert "attention_backend='quick' is unknown; choose one of flash" in capsys.readouterr().err


def test_progress_moves_on_a_terminal_and_is_silent_elsewhere():
    terminal, file = (Console(file=StringIO(), force_terminal=shown, width=80) for shown in (True, False))
    for console in (terminal, file):
        with progress(console, "generating [red]", 3) as advance:
            advance()
            advance()
    assert "generating [red]" in terminal.file.getvalue()
    assert "2 of 3" in terminal.file.getvalue()
    assert file.file.getvalue() == ""


def test_windows_are_counted_with_the_time_that_remains():
    terminal, file = (Console(file=StringIO(), force_terminal=shown, width=90) for shown in (True, False))
    for console in (terminal, file):
        with frames_progress(console, "explaining a [red] clip.mp4") as frames_done:
            for done in range(3, 7):
                frames_done(done, 9)
    assert "explaining a [red] clip.mp4" in terminal.file.getvalue()
    assert "frame 6 of 9" in terminal.file.getvalue()
    assert file.file.getvalue() == ""


def test_the_demo_is_told_as_a_table(tmp_path, monkeypatch, capsys):
    from imap_fast.demo import run as demo_module
    from tests.render.synthetic import make_maps

    def run(output, *, backend):
        for name in ("clip.mp4", "overlay.mp4", "grid.png", "scores.json"):
            (output / name).write_text(backend)
        make_maps().save(output / "maps.npz")
        return demo_module.Demo(
            "a red circle slides",
            {},
            {"red [b]circle[/b]": "imap"},
            {"red [b]circle[/b]": {"imap": 0.912, "gramcol": 0.5}},
            {"red [b]circle[/b]": 0.7},
            {},
        )

    monkeypatch.setattr(demo_module, "run", run)
    folder = tmp_path / "out"
    assert main(["demo", "--output", str(folder), "--backend", "reference"]) == 0
    said, complained = capsys.readouterr()
    assert complained == ""
    assert "a red circle slides" in said
    assert "red [b]circle[/b]" in said
    assert "*0.91" in said, "what the pictures show"
    assert " 0.50" in said
    assert names(folder) == sorted([*RESULTS, "clip.mp4", "scores.json"])
    assert (folder / "clip.mp4").read_text() == "reference"
    assert main(["demo", "--output", str(folder), "--overwrite", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["auc"]["red [b]circle[/b]"]["imap"] == 0.912


def test_the_table_of_the_demo_names_only_pictures_that_are_there(capsys):
    from imap_fast.cli.demo import _scores
    from imap_fast.demo.run import Demo

    scores = {"circle": "imap"}, {"circle": {"imap": 0.9}}, {"circle": 0.7}
    captions = [
        _scores(Demo("", {}, *scores, dict.fromkeys(missing, "a fault"))).caption
        for missing in ((), ("grid.png",), ("grid.png", "overlay.mp4"))
    ]
    assert captions == [
        "* shown in grid.png and overlay.mp4; agreement is of that map",
        "* shown in overlay.mp4; agreement is of that map",
        "* agreement is of that map",
    ]
