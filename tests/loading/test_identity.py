"""What tells one model from another."""

import hashlib
import os
import shutil

import pytest
from huggingface_hub.errors import EntryNotFoundError

from imap_fast.files import SAMPLE, STRIDE, sampled_sha256_of
from imap_fast.loading.identity import model_identity, refuse_changed_model, vae_identity

WEIGHTS = "transformer/weights.safetensors"


@pytest.fixture
def folder(tmp_path):
    """A folder with what a pipeline is loaded from, and with what it is not."""
    folder = tmp_path / "a" / "model"
    for name in ("model_index.json", WEIGHTS, "README.md", ".git/HEAD", "vae/.cache"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_a_copy_is_the_same_model_and_no_folder_is_named(folder, tmp_path, monkeypatch):
    one = model_identity(str(folder))
    assert one["model"] == "model"
    assert one["model_files"].keys() == {"model_index.json", WEIGHTS}
    assert str(tmp_path) not in str(one)
    copy = shutil.copytree(folder, tmp_path / "b" / "model")
    os.utime(copy / WEIGHTS, (0, 0))
    monkeypatch.chdir(tmp_path / "b")
    assert model_identity(str(copy)) == model_identity("model") == model_identity("./model") == one


@pytest.mark.parametrize("name", ["model_index.json", WEIGHTS])
def test_another_content_under_the_same_name_is_another_model(folder, name):
    one = model_identity(str(folder))
    (folder / name).write_text(name.swapcase())
    other = model_identity(str(folder))
    assert [file for file in one["model_files"] if one["model_files"][file] != other["model_files"][file]] == [name]
    with pytest.raises(ValueError, match="its files changed while it was loaded; run again"):
        refuse_changed_model(str(folder), one)
    refuse_changed_model(str(folder), other)


def test_files_that_come_or_go_make_another_model_unless_they_only_describe_it(folder):
    one = model_identity(str(folder))
    for name in ("README.md", ".git/HEAD", "vae/.cache"):
        (folder / name).unlink()
    assert model_identity(str(folder)) == one
    (folder / "vae" / "config.json").touch()
    assert model_identity(str(folder)) != one


def test_parts_behind_links_are_read(folder, tmp_path):
    (folder / "transformer").rename(tmp_path / "elsewhere")
    (folder / "transformer").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    assert WEIGHTS in model_identity(str(folder))["model_files"]


@pytest.mark.parametrize("place", [0, STRIDE + SAMPLE - 1, 2 * STRIDE + 100 - SAMPLE, 2 * STRIDE + 99])
def test_of_a_large_file_every_sample_counts(tmp_path, place):
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(2 * STRIDE + 100)
    before = sampled_sha256_of(tmp_path / "weights")
    with (tmp_path / "weights").open("r+b") as file:
        file.seek(place)
        file.write(b"1")
    assert sampled_sha256_of(tmp_path / "weights") != before


def test_of_a_large_file_little_is_read(tmp_path, monkeypatch):
    with (tmp_path / "weights").open("wb") as file:
        file.truncate(100 * STRIDE)
    read, sha256 = [], hashlib.sha256

    class Counting:
        def __init__(self, content):
            self.digest, read[:] = sha256(content), [len(content)]

        def update(self, content):
            read.append(len(content))
            self.digest.update(content)

        def hexdigest(self):
            return self.digest.hexdigest()

    monkeypatch.setattr("hashlib.sha256", Counting)
    assert sampled_sha256_of(tmp_path / "weights")
    assert sum(read) <= 102 * SAMPLE


def test_the_model_that_ships_is_known_by_its_files_too():
    assert "transformer/diffusion_pytorch_model.safetensors" in model_identity("demo")["model_files"]


def test_a_model_of_the_hub_is_known_by_the_commit_in_the_cache(tmp_path, monkeypatch):
    downloads = []

    def try_to_load(model, name):
        return str(tmp_path / "snapshots" / "0123" / name) if downloads else None

    def download(model, name):
        downloads.append((model, name))
        return try_to_load(model, name)

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", try_to_load)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    for _ in range(2):
        assert model_identity("THUDM/CogVideoX-2b") == {"model": "THUDM/CogVideoX-2b", "model_commit": "0123"}
    assert downloads == [("THUDM/CogVideoX-2b", "model_index.json")]


def test_a_vae_of_the_hub_is_known_by_its_commit_wherever_its_config_is(tmp_path, monkeypatch):
    tried = []

    def download(model, name):
        tried.append(name)
        if name == "config.json":
            raise EntryNotFoundError("404")
        return str(tmp_path / "snapshots" / "0123" / name)

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert vae_identity("THUDM/CogVideoX-2b") == {"vae": "THUDM/CogVideoX-2b", "vae_commit": "0123"}
    assert tried == ["config.json", "vae/config.json"]
    monkeypatch.setattr("huggingface_hub.hf_hub_download", pytest.fail)
    cached = {"vae/config.json": str(tmp_path / "snapshots" / "4567" / "vae" / "config.json")}
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda model, name: cached.get(name))
    assert vae_identity("THUDM/CogVideoX-2b")["vae_commit"] == "4567"


def test_a_model_that_the_hub_does_not_have_is_one_line_that_names_it(monkeypatch):
    def refuse(*_):
        raise OSError("404")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    for model in ("nobody/has-this", "no id"):
        for option, identity in (("--model", model_identity), ("--vae", vae_identity)):
            with pytest.raises(ValueError, match=f"{option} {model}: not loaded; give a folder or a Hugging Face id"):
                identity(model)
