"""Runs of `imap-fast explain`: over many videos, cut off, gone on with, recognized."""

import json
import os
import shutil

import pytest

from imap_fast import SaliencyMaps
from imap_fast.cli import main
from imap_fast.cli.video_files import result_folders, times_name
from imap_fast.loading import pipeline
from imap_fast.video import Clip
from tests.cli import test_commands
from tests.cli.test_commands import RESULTS, ends_while_drawing, names
from tests.video.media import draw_frames

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"

video, explain = test_commands.video, test_commands.explain


@pytest.mark.slow
def test_a_full_disk_leaves_what_the_same_command_goes_on_from(explain, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.maps.storage.save", full)
        assert explain() == 1
    kept, said = capsys.readouterr().err.splitlines()
    assert kept == f"imap-fast: finished windows are kept; the same command resumes ({tmp_path / 'out'})"
    assert said == "imap-fast: [Errno 28] No space left on device"
    assert names(tmp_path / "out") == [".unfinished"]

    monkeypatch.setattr("imap_fast.explaining.explainer.Explainer._pass", lambda *_: pytest.fail("repeated a window"))
    assert explain() == 0
    assert names(tmp_path / "out") == RESULTS


@pytest.mark.slow
def test_what_is_done_is_not_repeated_and_another_run_is_refused(explain, tmp_path, monkeypatch, capsys):
    assert explain() == 0
    before = (tmp_path / "out" / "maps.npz").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.loading.pipeline.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
        capsys.readouterr()
        assert explain() == 0
        assert "done before" in capsys.readouterr().out
        assert explain(seed=3) == 2
        assert "seed was 0 and is 3; pass --overwrite" in capsys.readouterr().err
    assert explain("--overwrite", seed=3) == 0
    assert (tmp_path / "out" / "maps.npz").read_bytes() != before
    assert explain("--overwrite") == 0
    assert (tmp_path / "out" / "maps.npz").read_bytes() == before


@pytest.mark.slow
def test_an_unfinished_run_refuses_other_settings(explain, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        ends_while_drawing(KeyboardInterrupt(), patched)
        assert explain() == 1
    assert explain(prompt="a dog") == 2
    assert "prompt was 'a red circle on grass' and is 'a dog'" in capsys.readouterr().err
    assert names(tmp_path / "out") == [".unfinished"]
    assert explain("--overwrite", prompt="a dog") == 0
    assert names(tmp_path / "out") == RESULTS


@pytest.fixture
def folder(tmp_path):
    """Two clips, one without a picture that can be decoded, and a text."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for seed, name in enumerate(("a.mp4", "b.mp4", "broken.mp4")):
        Clip(draw_frames(9, 32, 48, seed=seed), 12).save(folder / name)
    content = (folder / "broken.mp4").read_bytes()
    (folder / "broken.mp4").write_bytes(content[:600] + bytes(len(content) - 600))
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.mark.slow
def test_many_videos_load_the_model_once_and_survive_a_broken_one(tiny_folder, folder, video, tmp_path, capsys):
    (tmp_path / "concepts.txt").write_text("cat, or dog\n\nred grass\n")
    options = {"model": tiny_folder, "prompt": "a cat", "concepts-file": tmp_path / "concepts.txt", "layers": "0-2"}
    options |= {"top-k": 2, "output": tmp_path / "out"}
    arguments = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    loads, load = [], pipeline.load_pipeline
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("imap_fast.loading.pipeline.load_pipeline", lambda *a, **k: loads.append(a) or load(*a, **k))
        assert main(["explain", str(folder), str(video), *arguments, "--json"]) == 1
    assert len(loads) == 1
    said, complained = capsys.readouterr()
    told = json.loads(said)
    videos = [os.path.normpath(os.path.join(record["folder"], record["video"])) for record in told["videos"]]
    assert videos == [str(folder / "a.mp4"), str(folder / "b.mp4"), str(video)]
    assert told["videos"][0]["video"] == "../../videos/a.mp4"
    assert list(told["failed"]) == [str(folder / "broken.mp4")]
    assert "1 of 4 videos could not be read" in complained
    assert names(tmp_path / "out") == ["a.mp4", "b.mp4", "clip.mp4"]
    assert SaliencyMaps.load(tmp_path / "out" / "b.mp4" / "maps.npz").labels == ("cat, or dog", "red grass")

    # Each is what it would be alone.
    options["output"] = tmp_path / "alone"
    arguments = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    assert main(["explain", str(folder / "b.mp4"), *arguments]) == 0
    alone, among = (tmp_path / place / "maps.npz" for place in ("alone", "out/b.mp4"))
    assert alone.read_bytes() == among.read_bytes()


def test_videos_that_cannot_be_told_apart_or_are_none(tmp_path, folder):
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="other holds no video"):
        result_folders([tmp_path / "other"], tmp_path)
    (tmp_path / "other" / "a.mp4").touch()
    with pytest.raises(ValueError, match=r"2 videos are called a\.mp4"):
        result_folders([folder, tmp_path / "other"], tmp_path)


def test_a_failure_before_the_first_window_leaves_no_folder(explain, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("imap_fast.explaining.explainer.Explainer._pass", full)
    assert explain() == 1
    assert capsys.readouterr().err == "imap-fast: [Errno 28] No space left on device\n"
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.slow
def test_a_video_that_changes_while_it_is_read_is_refused(explain, video, tmp_path, monkeypatch, capsys):
    from imap_fast.explaining.explainer import Explainer

    read = Explainer.explain

    def change(*arguments, **named):
        maps = read(*arguments, **named)
        video.write_bytes(video.read_bytes() + b"\0")
        return maps

    monkeypatch.setattr(Explainer, "explain", change)
    assert explain() == 2
    assert f"{video} was changed while it was read; run again" in capsys.readouterr().err
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.slow
def test_results_that_are_damaged_are_not_taken_for_done(explain, tmp_path, capsys):
    assert explain() == 0
    (tmp_path / "out" / "grid.png").write_bytes(b"torn")
    capsys.readouterr()
    assert explain() == 2
    assert "grid.png is damaged or of another run" in capsys.readouterr().err
    assert explain("--overwrite") == 0
    assert names(tmp_path / "out") == RESULTS
    assert explain() == 0


@pytest.fixture
def model(tiny_folder, tmp_path_factory):
    """A model whose weights a test may change."""
    return shutil.copytree(tiny_folder, tmp_path_factory.mktemp("changing") / "model")


def change_weights(model):
    """The same files of the same sizes, with one other value."""
    with (model / WEIGHTS).open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        (last,) = file.read(1)
        file.seek(-2, os.SEEK_END)
        file.write(bytes([last ^ 1]))


@pytest.mark.slow
def test_results_of_other_weights_under_the_same_names_are_not_taken_for_done(explain, model, capsys):
    assert explain(model=model) == 0
    change_weights(model)
    capsys.readouterr()
    assert explain(model=model) == 2
    assert f"model_files.{WEIGHTS} changed; pass --overwrite or another --output" in capsys.readouterr().err
    assert explain("--overwrite", model=model) == 0


@pytest.mark.slow
def test_a_copy_of_the_model_is_the_same_model(explain, model, tmp_path, capsys):
    assert explain(model=model) == 0
    capsys.readouterr()
    assert explain(model=shutil.copytree(model, tmp_path / "copy" / "model")) == 0
    assert "done before" in capsys.readouterr().out


def test_weights_that_change_while_they_are_loaded_are_refused(explain, model, tmp_path, monkeypatch, capsys):
    load = pipeline.load_pipeline

    def change(*arguments, **named):
        change_weights(model)
        return load(*arguments, **named)

    monkeypatch.setattr("imap_fast.loading.pipeline.load_pipeline", change)
    assert explain(model=model) == 2
    assert f"--model {model}: its files changed while it was loaded; run again" in capsys.readouterr().err
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.slow
def test_results_of_other_versions_are_not_taken_for_done(explain, monkeypatch, capsys):
    assert explain() == 0
    monkeypatch.setattr("imap_fast.version.__version__", "99")
    assert explain() == 2
    assert "versions.imap-fast was '" in capsys.readouterr().err


@pytest.mark.slow
def test_several_stretches_get_a_folder_each(explain, tmp_path, capsys):
    stretches = ("--start", "0", "--end", "0.5", "--start", "0:00.5", "--end", "9", "--shots", "0.75")
    assert explain(*stretches) == 0
    assert names(tmp_path / "out") == ["0-0.5s", "0.5-9s"]
    said = capsys.readouterr().out
    assert f"{tmp_path / 'out' / '0.5-9s'}: SaliencyMaps" in said
    record = json.loads((tmp_path / "out" / "0.5-9s" / "run.json").read_text())
    video = record["settings"]["video"]
    assert (video["start"], video["end"]) == (0.5, 9.0)
    assert [shot["seconds"] for shot in video["shots"]] == pytest.approx([0.5, 0.75])
    maps = SaliencyMaps.load(tmp_path / "out" / "0.5-9s" / "maps.npz")
    assert maps.seconds[0] == 0.5
    assert main(["report", str(tmp_path / "out" / "0.5-9s")]) == 0
    # A stretch alone fills the folder itself, with the same maps.
    assert explain("--start", "0.5", "--end", "9", "--shots", "0.75", output=tmp_path / "alone") == 0
    assert names(tmp_path / "alone") == RESULTS
    assert (tmp_path / "alone" / "maps.npz").read_bytes() == (tmp_path / "out" / "0.5-9s" / "maps.npz").read_bytes()
    capsys.readouterr()
    assert explain(*stretches) == 0
    assert capsys.readouterr().out.count("done before") == 2


@pytest.mark.slow
def test_a_stretch_that_is_not_there_does_not_stop_the_others(explain, tmp_path, capsys):
    assert explain("--start", "0", "--end", "9", "--start", "50", "--end", "60", "--shots", "0.25,0.5") == 1
    said, complained = capsys.readouterr()
    assert said.startswith(f"{tmp_path / 'out' / '0-9s'}: SaliencyMaps")
    assert said.endswith(" s; 3 shots; agreement unknown\n")
    assert complained.startswith("imap-fast: 1 of 2 stretches could not be read: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--start", "5", "--end", "5"), "end='5' is not after start='5'"),
        (("--start", "1:75"), "Invalid value for --start: '1:75' is no time in a video"),
        (("--end", "1:99"), "Invalid value for --end: '1:99' is no time in a video"),
        (("--start", "1", "--end", "0:01"), "Invalid value for --end: end='0:01' is not after start='1'"),
        (("--start", "1", "--start", "2", "--end", "3"), "--end: it is given 1 ×, and --start 2 ×; give both for each"),
        (("--start", "1", "--end", "2", "--start", "0:01", "--end", "2"), "a stretch is given twice"),
        (("--shots", "none"), "'none' is no time in a video; give auto, off, or times such as 12.5,1:20\n"),
        (("--shots", "2, off"), "'off' is no time in a video; give auto, off, or times such as 12.5,1:20\n"),
        (("--shots", "0:03,1"), "the times '0:03,1' do not ascend; give each once, in order\n"),
        (("--fps", "film"), "'film' is no rate; give model, all, or 0.001 to 1000000 frames per second"),
        (("--fps", "0"), "'0' is no rate; give model, all, or 0.001 to 1000000 frames per second"),
        (("--fps", "nan"), "'nan' is no rate; give model, all, or 0.001 to 1000000 frames per second"),
        (("--start", "99"), "has no frame from 99 s to its end"),
    ],
)
def test_times_that_are_none_are_refused(given, said, explain, tmp_path, capsys):
    assert explain(*given) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_stretch_has_a_name(tmp_path):
    assert [times_name(*times) for times in ((80.5, 95), (None, 4), (3599.25, None), (0.1 + 0.2, 1), (None, None))] == [
        "80.5-95s",
        "0-4s",
        "3599.25-end",
        "0.3-1s",
        "",
    ]
    (tmp_path / "a.mp4").touch()
    folders = result_folders([tmp_path / "a.mp4"], tmp_path / "out", [(0, 1), (1, None)])
    assert {str(stretch): folder.name for stretch, folder in folders.items()} == {
        "a.mp4, 0-1s": "0-1s",
        "a.mp4, 1-end": "1-end",
    }
