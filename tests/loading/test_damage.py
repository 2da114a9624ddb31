"""Folders of models with damaged files: one line that names the folder."""

import shutil
from types import SimpleNamespace

import pytest
from rich.console import Console

from imap_fast.loading import pipeline
from imap_fast.loading.source import model_source, reading_model

DEEP = b'{"a": ' * 10**5


def load(folder):
    return pipeline.load_pipeline(str(folder), dtype="auto", device="cpu", console=Console(stderr=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        *[("model_index.json", content) for content in (b"", b"{", b"[]", b"{}", b"null", b"\xff\0", DEEP)],
        *[
            (f"{part}/config.json", content)
            for part in ("transformer", "vae", "text_encoder")
            for content in (b"", b"[]", DEEP)
        ],
        ("scheduler/scheduler_config.json", b"{"),
        ("tokenizer/tokenizer.json", b"{"),
        *[
            (f"{name}.safetensors", cut)
            for name in (
                "transformer/diffusion_pytorch_model",
                "vae/diffusion_pytorch_model",
                "text_encoder/model",
            )
            for cut in (0, 100, -1, None)
        ],
    ],
    ids=lambda value: f"{value!r}"[:40],
)
def test_a_damaged_model_is_one_line_that_names_it(name, content, tiny_folder, tmp_path, capfd):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content if isinstance(content, bytes) else (folder / name).read_bytes()[:content])
    with pytest.raises(ValueError, match="not loaded; give a folder or a Hugging Face id") as raised:
        load(folder)
    assert str(raised.value).startswith(f"--model {folder}: ")
    assert capfd.readouterr().err == ""


def test_a_pipeline_that_makes_no_videos_is_refused(tiny_folder, monkeypatch):
    monkeypatch.setattr(pipeline.DiffusionPipeline, "from_pretrained", lambda *_, **__: SimpleNamespace())
    with pytest.raises(ValueError, match="SimpleNamespace there has no transformer; give a video pipeline"):
        load(tiny_folder)


def test_memory_that_is_full_is_no_fault_of_the_model():
    with pytest.raises(MemoryError), reading_model("a/model"):
        raise MemoryError


@pytest.mark.parametrize("model", ["~nobody-of-this-name/x", "/" + "a" * 5000, "./nowhere"])
def test_what_is_no_folder_is_named(model):
    with pytest.raises(ValueError, match=f"--model {model}: no such folder"):
        model_source(model)
