"""What the doctor says: for people, for machines, and by what sums."""

import json
from importlib.metadata import version

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from rich.console import Console
from transformers import T5Config, T5EncoderModel

import imap_fast
from imap_fast.cli import main
from imap_fast.doctor import diagnosis
from imap_fast.loading.pipeline import load_pipeline, text_to_video_arguments


def test_it_tells_people_and_machines(capsys):
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == diagnosis.diagnose()
    # What is installed: a build's own name, such as +cu130, is not told by every wheel.
    assert found["versions"]["torch"] == version("torch")
    for fact in (found["backend"]["why"], version("torch"), *diagnosis.CHECKPOINTS):
        assert fact in told


def test_it_says_why_a_backend(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("IMAP_BACKEND", raising=False)
    assert diagnosis.diagnose()["backend"] == {"name": "reference", "why": "torch sees no CUDA GPU"}
    monkeypatch.setenv("IMAP_BACKEND", "reference")
    assert diagnosis.diagnose()["backend"]["why"] == "set by IMAP_BACKEND"
    monkeypatch.setenv("IMAP_BACKEND", "abacus")
    backend = diagnosis.diagnose()["backend"]
    assert backend["name"] is None
    assert "abacus" in backend["why"]


@pytest.mark.parametrize(
    ("gib", "fits"),
    [(6, ["no"] * 3), (12, ["offloaded", "no", "no"]), (24, ["whole", "offloaded", "offloaded"]), (80, ["whole"] * 3)],
)
def test_it_knows_which_checkpoints_fit(gib, fits, monkeypatch, capsys):
    gpu = {"name": "A GPU [dim]", "memory": gib * 2**30, "free": 2**30}
    monkeypatch.setattr(diagnosis, "_gpu", lambda: gpu)
    assert [checkpoint["fits"] for checkpoint in diagnosis.diagnose()["checkpoints"]] == fits
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert f"A GPU [dim]: {gib} GiB, 1 GiB free" in told
    assert fits[0] in told


def test_it_counts_the_published_configurations():
    rotary = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
    configs = {
        "THUDM/CogVideoX-2b": {"num_attention_heads": 30, "num_layers": 30},
        "THUDM/CogVideoX-5b": rotary,
        "zai-org/CogVideoX1.5-5B": rotary | {"patch_size_t": 2, "patch_bias": False, "sample_frames": 81},
    }
    t5 = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128}

    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    with torch.device("meta"):
        counted = {name: count(CogVideoXTransformer3DModel(**config)) for name, config in configs.items()}
        assert count(AutoencoderKLCogVideoX()) == diagnosis.VAE
        assert count(T5EncoderModel(T5Config(**t5, feed_forward_proj="gated-gelu"))) == diagnosis.TEXT_ENCODER
    assert counted == diagnosis.CHECKPOINTS


@pytest.mark.parametrize(("keep", "planes", "says"), [
    ("layers", 2, "of memory for each concept and map: "),
    ("steps", 1, "of memory for each concept, map and step: "),
    ("steps, layers", 2, "of memory for each concept, map and step: "),
])  # fmt: skip
def test_it_predicts_what_is_kept(keep, planes, says, capsys):
    """The room of single layers and steps is that of the tensors of a trace: the demo model reads its middle half."""
    command = ["doctor", "--model", "demo", "--keep", keep]
    assert main(command) == 0
    assert says in " ".join(capsys.readouterr().out.split())
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["prediction"]["kept"]
    pipe = load_pipeline("demo", dtype="float32", device="cpu", console=Console(stderr=True))
    with imap_fast.trace(pipe, ["circle", "square"], maps=["imap"], keep=keep.split(", "), steps=[0]) as tracer:
        pipe("a circle", num_inference_steps=2, output_type="latent", **text_to_video_arguments(pipe))
    kept = tracer.maps.kept["imap"]
    assert found == kept[:, :, 0].numpy().nbytes
    assert len(kept) == planes


def test_it_asks_for_the_model_whose_memory_is_predicted(capsys):
    assert main(["doctor", "--keep", "layers"]) == 2
    assert "name the model whose memory is predicted" in capsys.readouterr().err
