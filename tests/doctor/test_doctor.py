"""What the doctor says: for people, for machines, and by what sums."""

import json
from importlib.metadata import version

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from imap_fast.cli import main
from imap_fast.doctor import diagnosis


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
