"""`--vae`: another encoder, by the name and the content of its folder."""

import json
import os
import shutil

import pytest

from imap_fast.cli import main
from imap_fast.loading import vae as loading_vae
from imap_fast.video import Clip
from tests.cli import test_commands
from tests.cli.test_commands import names
from tests.evaluate.folders import write_json
from tests.video.media import draw_frames

video, explain = test_commands.video, test_commands.explain
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_folder, tmp_path):
    """A copy of the VAE of the model."""
    return shutil.copytree(tiny_folder / "vae", tmp_path / "elsewhere" / "small-vae")


def change_weights(folder):
    with (folder / WEIGHTS).open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        (last,) = file.read(1)
        file.seek(-2, os.SEEK_END)
        file.write(bytes([last ^ 1]))


@pytest.mark.slow
def test_it_is_named_and_decides_whether_a_run_is_the_same(explain, copy, tmp_path, monkeypatch, capsys):
    assert explain(vae=copy) == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["vae"] == record["options"]["vae"] == "small-vae"
    assert record["options"]["vae_files"].keys() == {"config.json", WEIGHTS}
    assert record["settings"]["video"]["vae"] == {"class": "AutoencoderKLCogVideoX", "name": "small-vae"}
    assert str(tmp_path) not in json.dumps(record)
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr("imap_fast.loading.pipeline.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
        moved = shutil.copytree(copy, tmp_path / "moved" / "small-vae")
        assert explain(vae=moved) == 0
        assert "done before" in capsys.readouterr().out
        change_weights(moved)
        assert explain(vae=moved) == 2
        assert f"vae_files.{WEIGHTS} changed; pass --overwrite or another --output" in capsys.readouterr().err
        assert explain() == 2
        assert "vae was 'small-vae' and is None" in capsys.readouterr().err


def test_the_vae_of_another_pipeline_is_in_its_subfolder(tiny_folder):
    from imap_fast.loading.identity import vae_identity

    identity = vae_identity(str(tiny_folder))
    assert identity == {"vae": tiny_folder.name, "vae_files": vae_identity(str(tiny_folder / "vae"))["vae_files"]}
    assert vae_identity(None) == {}


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("./nowhere", "--vae ./nowhere: no such folder; give one that save_pretrained wrote, or a Hugging Face id"),
        ("{model}/scheduler", "the folder has no config.json and no vae/config.json; give the folder of a VAE"),
        ("{model}/transformer", "its config is of the class CogVideoXTransformer3DModel, which is no VAE of diffusers"),
    ],
)
def test_a_folder_without_a_vae_is_one_line(folder, said, explain, tiny_folder, tmp_path, capsys):
    assert explain(vae=folder.format(model=tiny_folder)) == 2
    complained = capsys.readouterr().err
    assert said in complained
    assert complained.count("\n") == 1
    assert names(tmp_path) == ["clip.mp4"]


def test_a_vae_that_changes_while_it_is_loaded_is_refused(explain, copy, monkeypatch, capsys):
    load = loading_vae.load_other_vae

    def change(*given):
        change_weights(copy)
        return load(*given)

    monkeypatch.setattr(loading_vae, "load_other_vae", change)
    assert explain(vae=copy) == 2
    assert f"--vae {copy}: its files changed while it was loaded; run again" in capsys.readouterr().err


@pytest.mark.slow
def test_an_evaluation_takes_it_too(tiny_folder, copy, tmp_path, capsys):
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "cat.mp4")
    record = {"video_path": "cat.mp4", "caption": "a cat runs", "concepts": ["cat", "runs"], "object": "cat"}
    given = ["eval", write_json(tmp_path / "list.json", [record]), "--model", tiny_folder, "--output", tmp_path / "out"]
    given += ["--layers", "1", "--top-k", "2"]
    assert main([*map(str, given), "--vae", str(copy)]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["options"]["vae"] == "small-vae"
    assert results["settings"]["vae"] == {"class": "AutoencoderKLCogVideoX", "name": "small-vae"}
    assert str(tmp_path) not in json.dumps(results)
    (folder,) = (tmp_path / "out" / "videos").iterdir()
    assert json.loads((folder / "run.json").read_text())["vae"] == "small-vae"
    assert main([*map(str, given)]) == 2
    assert "vae was 'small-vae' and is None" in capsys.readouterr().err
