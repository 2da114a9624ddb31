"""What is said of the files of a model: too few tensors, too many, unknown settings, or pickled weights."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import CogVideoXDPMScheduler, FlowMatchEulerDiscreteScheduler
from rich.console import Console
from safetensors.torch import load_file, save_file

from imap_fast.loading.pipeline import load_pipeline
from imap_fast.models.real_video.stored_vae import load_vae
from tests import tiny_wan
from tests.architectures import Architecture

FILES = {
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}


def load(folder: Path) -> Any:
    return load_pipeline(str(folder), dtype="auto", device="cpu", console=Console(stderr=True))


def changed(source: Path, folder: Path, part: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """A copy of a model of which the tensors of a part are changed."""
    shutil.copytree(source, folder)
    file = folder / part / FILES[part]
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("part", FILES)
@pytest.mark.parametrize("number", [1, 3])
def test_a_missing_tensor_is_named(part: str, number: int, tiny_folder: Path, tmp_path: Path) -> None:
    missing = sorted(load_file(tiny_folder / part / FILES[part]))[:number]
    folder = changed(tiny_folder, tmp_path / "model", part, lambda tensors: [tensors.pop(name) for name in missing])
    with pytest.raises(ValueError, match="not loaded") as raised:
        load(folder)
    others = " and 2 more" if number == 3 else ""
    assert str(raised.value).startswith(f"--model {folder}: not loaded; give a folder or a Hugging Face id (")
    assert str(raised.value).endswith(f"(ValueError: the files of its {part} have no {missing[0]}{others})")


@pytest.mark.slow
@pytest.mark.parametrize("part", FILES)
def test_a_tensor_of_another_shape_is_refused(part: str, tiny_folder: Path, tmp_path: Path) -> None:
    name, tensor = min(load_file(tiny_folder / part / FILES[part]).items())
    longer = {name: torch.cat([tensor, tensor])}
    folder = changed(tiny_folder, tmp_path / "model", part, lambda tensors: tensors.update(longer))
    with pytest.raises(ValueError, match="not loaded; give a folder or a Hugging Face id"):
        load(folder)


@pytest.mark.slow
@pytest.mark.parametrize("part", FILES)
def test_a_tensor_that_its_shard_lacks_is_named(part: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / part / FILES[part]).unlink()
    getattr(load(tiny_folder), part).save_pretrained(folder / part, max_shard_size="20KB")
    shards = sorted((folder / part).glob("*-of-*.safetensors"))
    assert len(shards) > 1
    load(folder)
    tensors = load_file(shards[1])
    missing = min(tensors)
    del tensors[missing]
    save_file(tensors, shards[1], metadata={"format": "pt"})
    with pytest.raises(ValueError, match=rf"the files of its {part} have no {re.escape(missing)}\)"):
        load(folder)


@pytest.mark.slow
def test_a_class_by_another_name_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    index = shutil.copytree(tiny_folder, tmp_path / "model") / "model_index.json"
    index.write_text(index.read_text().replace('"diffusers",\n    "CogVideoXT', '"diffusers.models",\n    "CogVideoXT'))
    with pytest.raises(ValueError, match="the class of its transformer is not of diffusers or transformers"):
        load(tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("part", FILES)
def test_tensors_without_a_place_are_named(part: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tiny_folder, tmp_path / "model", part, lambda tensors: tensors.update({"a.layer": torch.ones(2)}))
    with pytest.warns(UserWarning, match=rf"the {part} of .* has no place for some of its weights \(a\.layer\)"):
        load(folder)


@pytest.mark.slow
def test_a_config_of_fewer_blocks_is_told(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    file = folder / "transformer" / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"num_layers": config["num_layers"] - 1}))
    with pytest.warns(UserWarning, match=r"transformer_blocks\..* and \d+ more"):
        load(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "file"),
    [
        ("transformer", "transformer/config.json"),
        ("vae", "vae/config.json"),
        ("scheduler", "scheduler/scheduler_config.json"),
        ("pipeline", "model_index.json"),
    ],
)
def test_settings_of_a_newer_diffusers_are_named(part: str, file: str, tiny_folder: Path, tmp_path: Path) -> None:
    config = shutil.copytree(tiny_folder, tmp_path / "model") / file
    config.write_text(json.dumps(json.loads(config.read_text()) | {"snr_tilt": 3.0, "a_gate": True}))
    with pytest.warns(UserWarning, match=rf"the {part} of .* does not know \(a_gate, snr_tilt\)"):
        load(tmp_path / "model")


def test_settings_of_another_vae_are_named(pipeline: Any, tmp_path: Path) -> None:
    pipeline.vae.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"a_gate": True}))
    with pytest.warns(UserWarning, match=r"the vae of .* does not know \(a_gate\)"):
        load_vae(tmp_path, pipeline)


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("kind", [CogVideoXDPMScheduler, FlowMatchEulerDiscreteScheduler])
def test_a_scheduler_may_keep_the_settings_of_another_one(kind: Any, tmp_path: Path) -> None:
    pipeline = tiny_wan.tiny_pipeline()
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config)
    pipeline.save_pretrained(tmp_path)
    assert type(load(tmp_path).scheduler) is kind


@pytest.mark.slow
@pytest.mark.filterwarnings("error::UserWarning")
def test_a_whole_model_of_each_architecture_is_loaded(architecture: Architecture, tmp_path: Path) -> None:
    saved = architecture.pipeline()
    saved.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is type(saved)
    for name in FILES:
        assert_same_tensors(getattr(loaded, name), getattr(saved, name))


def assert_same_tensors(loaded: torch.nn.Module, saved: torch.nn.Module) -> None:
    tensors = saved.state_dict()
    assert loaded.state_dict().keys() == tensors.keys()
    for name, tensor in loaded.state_dict().items():
        torch.testing.assert_close(tensor, tensors[name], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("part", FILES)
def test_pickled_weights_are_not_read(part: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    file = folder / part / FILES[part]
    name = "pytorch_model.bin" if part == "text_encoder" else "diffusion_pytorch_model.bin"
    torch.save(load_file(file), folder / part / name)
    file.unlink()
    with pytest.raises(ValueError, match="not loaded; give a folder or a Hugging Face id"):
        load(folder)
