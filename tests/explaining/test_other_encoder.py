"""Another encoder takes the place of the VAE: for the same latents, or it is refused before the video is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan, AutoencoderTiny
from torch import nn

import imap_fast
from imap_fast.evaluate import evaluate
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.models.real_video import base
from tests.architectures import ARCHITECTURES
from tests.assertions import assert_close
from tests.explaining import encoders
from tests.explaining.encoders import TEMPORAL, Pooling, block_of
from tests.explaining.runs import contents, cut_off, explain, options_of
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.pipelines import EXPLAINED, PIPELINES, PROMPT
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline

OF_EACH = ("text-1.5", "image-1.5", "wan-text", "wan-image", "hunyuan-text", "hunyuan-image-latents")


def maps_of(kind: str, pipeline: Any, **changed: object) -> imap_fast.SaliencyMaps:
    architecture = ARCHITECTURES[PIPELINES[kind][0]]
    read = {**architecture.arguments, "layers": [0, 1], **architecture.sizes}
    return imap_fast.explain(pipeline, clip(), PROMPT, ["cat", "running"], **read, **changed)


def latents_in(kind: str, pipeline: Any, **changed: object) -> torch.Tensor:
    """What the transformer is given, with its condition."""
    given = {}
    hook = pipeline.transformer.register_forward_pre_hook(lambda m, a, inputs: given.update(inputs), with_kwargs=True)
    maps_of(kind, pipeline, **changed)
    hook.remove()
    return given["hidden_states"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_copy_of_the_vae_gives_the_same_bits(kind: str, tmp_path: Path) -> None:
    pipeline = PIPELINES[kind][1]()
    expected = maps_of(kind, pipeline)
    pipeline.vae.save_pretrained(tmp_path / "copy")
    maps = maps_of(kind, pipeline, vae=tmp_path / "copy")
    for name in maps.maps:
        assert torch.equal(getattr(maps, name), getattr(expected, name))
    named = {"class": type(pipeline.vae).__name__, "name": "copy"}
    assert (maps.settings["video"]["vae"], expected.settings["video"]["vae"]) == (named, None)


def test_the_vae_itself_is_no_other_encoder(pipeline: Any) -> None:
    maps = imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=pipeline.vae, **READ)
    assert torch.equal(maps.imap, imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ).imap)
    assert maps.settings["video"]["vae"] is None


@pytest.mark.slow
@pytest.mark.parametrize("normalization", [encoders.scaled, encoders.shifted, encoders.normalized])
@pytest.mark.parametrize("kind", OF_EACH)
def test_latents_of_another_normalization_are_the_same(kind: str, normalization: Callable) -> None:
    pipeline = PIPELINES[kind][1]()
    if kind == "image-1.5":
        pipeline.vae.register_to_config(invert_scale_latents=True)
    expected = latents_in(kind, pipeline)
    vae = normalization(pipeline.vae)
    assert_close(latents_in(kind, pipeline, vae=vae), expected, 1e-6)
    vae.config = {"scaling_factor": 0.5}
    with pytest.raises(AssertionError, match="relative error"):
        assert_close(latents_in(kind, pipeline, vae=vae), expected, 1e-2)


def test_a_doubled_scale_is_undone_to_the_bit(pipeline: Any) -> None:
    expected = imap_fast.explain(pipeline, clip(), *ARGUMENTS, **READ)
    maps = imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=encoders.scaled(pipeline.vae), **READ)
    assert torch.equal(maps.imap, expected.imap)
    assert torch.equal(maps.gramcol, expected.gramcol)


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_small_encoder_does_all_the_encoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = PIPELINES[kind][1]()
    own = maps_of(kind, pipeline)
    monkeypatch.setattr(pipeline.vae.encoder, "forward", lambda *_, **__: pytest.fail("encoded by the VAE"))
    maps = maps_of(kind, pipeline, vae=Pooling(12 if kind == "mochi" else 4, block=block_of(pipeline)))
    assert maps.gramcol.shape == own.gramcol.shape
    assert maps.gramcol.isfinite().all()
    assert not torch.equal(maps.gramcol, own.gramcol)
    assert maps.settings["video"]["vae"] == {"class": "Pooling", "name": ""}


@pytest.mark.parametrize("kind", ["text-1.0-rotary", "wan-image-2.2", "hunyuan-image-tokens"])
def test_blocks_of_frames_are_aligned_to_the_latent_frames_of_the_model(kind: str) -> None:
    """The first latent frame is of the first frame alone, wherever an encoder fills up blocks."""
    pipeline = PIPELINES[kind][1]()
    causal, *blocks = (latents_in(kind, pipeline, vae=Pooling(fill=fill)) for fill in ("front", "end", "nowhere"))
    for latents in blocks:
        assert torch.equal(latents, causal)


def test_it_encodes_in_its_own_dtype_in_the_range_of_a_vae(pipeline: Any) -> None:
    seen, vae = [], Pooling().double()
    encode = vae.encode
    vae.encode = lambda pixels: seen.append(pixels) or encode(pixels)
    frames = clip().frames.copy()
    frames[0, 0, :2, 0] = 0, 255
    maps = imap_fast.explain(pipeline, frames, *ARGUMENTS, vae=vae, **READ)
    assert maps.imap.isfinite().all()
    assert {pixels.dtype for pixels in seen} == {torch.float64}
    assert seen[-1].shape == (1, 3, 9, HEIGHT, WIDTH)
    assert seen[-1][0, 0, 0, 0, :2].tolist() == [-1, 1]


class Plain:
    """An encoder that is no module, but holds one, and a tensor."""

    def __init__(self, returned: Callable[[torch.Tensor], Any] = lambda latents: latents) -> None:
        self.model, self.scale, self.returned = Pooling(), torch.ones(1), returned

    def encode(self, pixels: torch.Tensor) -> Any:
        return self.returned(self.scale * self.model.encode(pixels))


@pytest.mark.parametrize(
    "returned",
    [
        lambda latents: latents,
        lambda latents: (latents, "more"),
        lambda latents: SimpleNamespace(latents=latents),
        lambda latents: SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents)),
        lambda latents: (SimpleNamespace(mode=lambda: latents),),
    ],
    ids=["tensor", "tuple", "latents", "distribution", "tuple-of-a-distribution"],
)
def test_whatever_an_encode_of_diffusers_returns(returned: Callable, pipeline: Any) -> None:
    maps = imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=Plain(returned), **READ)
    assert torch.equal(maps.imap, imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=Pooling(), **READ).imap)


def changed(fill: str = "front", **values: object) -> Pooling:
    vae = Pooling(fill=fill)
    for name, value in values.items():
        setattr(vae, name, value)
    return vae


class Blocks(Pooling):
    """Fails unless it is given whole blocks of frames."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        if pixels.shape[2] % TEMPORAL:
            raise RuntimeError("no whole blocks")
        return super().encode(pixels)


class Backward(Pooling):
    """Its last latent frame shows the first block of frames."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().encode(pixels).flip(2)


REFUSED = {
    "channels": (
        lambda: Pooling(channels=5),
        "the Pooling makes latents [1, 5, 2, 8, 12] of a clip [1, 3, 5, 64, 96], and the transformer takes "
        "[1, 4, 2, 8, 12]; give an encoder for the latents of this model",
    ),
    "space": (lambda: Pooling(block=(4, 16, 16)), "makes latents [1, 4, 2, 4, 6] of a clip [1, 3, 5, 64, 96], and"),
    "exchanged": (
        lambda: changed(encode=lambda pixels: Pooling().encode(pixels).mT),
        "makes latents [1, 4, 2, 12, 8] of a clip [1, 3, 5, 64, 96], and the transformer takes [1, 4, 2, 8, 12]",
    ),
    "time": (lambda: Pooling(block=(2, 8, 8)), "makes latents [1, 4, 3, 8, 12] of a clip [1, 3, 5, 64, 96], and"),
    "later-frames": (
        Backward,
        "the first latent frame of the Backward shows the frames 0 to 3, and that of the pipeline's VAE only the frame "
        "0; give an encoder with the latent frames of this model",
    ),
    "not-finite": (
        lambda: changed(weight=nn.Parameter(torch.full((4, 3), torch.inf))),
        "the Pooling gives NaN or an infinity; load it in torch.bfloat16 or torch.float32",
    ),
    "of-images": (
        lambda: AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4),
        "the AutoencoderTiny cannot encode a clip of 5 frames (RuntimeError: ",
    ),
    "config": (
        lambda: Pooling(config={"scaling_factor": 0}),
        "the config of the Pooling has scaling_factor=0, which normalizes no latents of 4 channels; give one finite "
        "number or 4",
    ),
    "config-of-a-class": (
        lambda: Pooling(config=type("Config", (), {"scaling_factor": 0})()),
        "the config of the Pooling has scaling_factor=0, which",
    ),
    "config-of-text": (lambda: Pooling(config={"scaling_factor": "half"}), "has scaling_factor=half, which normalizes"),
    "config-of-two-dimensions": (
        lambda: Pooling(config={"latents_mean": torch.zeros(1, 40, 1, 1, 1)}),
        "the config of the Pooling has latents_mean=",
    ),
    "blocks-not-finite": (
        lambda: changed(fill="nowhere", weight=nn.Parameter(torch.full((4, 3), torch.inf))),
        "the Pooling gives NaN or an infinity; load it in",
    ),
    "blocks-of-a-wrong-config": (
        lambda: Pooling(fill="nowhere", config={"scaling_factor": 0}),
        "the config of the Pooling has scaling_factor=0, which",
    ),
    "blocks-of-other-channels": (
        lambda: Blocks(channels=5),
        "the Blocks makes latents [1, 5, 2, 8, 12] of a clip [1, 3, 8, 64, 96], and the transformer takes",
    ),
    "config-of-others": (lambda: Pooling(config={"latents_mean": [0, 0]}), "has latents_mean=[0, 0], which"),
    "config-not-finite": (lambda: Pooling(config=SimpleNamespace(latents_std=[1, 1, 1, float("nan")])), "latents_std="),
    "dropout": (
        lambda: changed(drop=nn.Dropout(0.5)),
        "the vae is in training mode and drops values at random (vae.drop.p=0.5)",
    ),
}
NO_ENCODER = {
    "no-encode": (nn.Identity, "vae=Identity() has no encode; give a model that has one"),
    "number": (lambda: 3, "vae=3 has no encode"),
    "returns": (
        lambda: changed(encode=lambda pixels: "latents"),
        "the encode of the Pooling returns str; let it return a tensor, a tuple of one, or an output with latents or "
        "latent_dist",
    ),
}


@pytest.mark.parametrize(
    ("make", "message", "error"),
    [(*case, ValueError) for case in REFUSED.values()] + [(*case, TypeError) for case in NO_ENCODER.values()],
    ids=[*REFUSED, *NO_ENCODER],
)
def test_other_encoders_are_refused_before_the_video_is_read(
    make: Callable, message: str, error: type[Exception], pipeline: Any
) -> None:
    with pytest.raises(error, match=re.escape(message)) as refused:
        imap_fast.explain(pipeline, "nowhere.mp4", *ARGUMENTS, vae=make(), **READ)
    assert "\n" not in str(refused.value)


def test_an_encoder_of_whole_blocks_is_given_them(pipeline: Any) -> None:
    blocks, causal = (imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=vae, **READ) for vae in (Blocks(), Pooling()))
    assert torch.equal(blocks.imap, causal.imap)


def test_attributes_of_an_object_may_have_any_name(pipeline: Any) -> None:
    holder = Plain()
    holder.parameters, holder.type, holder.training, holder.dropout = {"a": 1}, torch.ones(2), True, 0.1
    maps = imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=holder, **READ)
    assert torch.equal(maps.imap, imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=Pooling(), **READ).imap)


def test_a_failure_within_the_video_is_told_as_it_is(pipeline: Any) -> None:
    encode, calls = Pooling().encode, []

    def failing(pixels: torch.Tensor) -> torch.Tensor:
        calls.append(pixels)
        if len(calls) > 2:  # those of the check
            raise RuntimeError("CUDA error")
        return encode(pixels)

    with pytest.raises(RuntimeError, match="CUDA error"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=changed(encode=failing), **READ)


def test_memory_that_is_full_is_no_fault_of_the_encoder(pipeline: Any) -> None:
    def full(pixels: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=changed(encode=full), **READ)


def test_a_pipeline_without_a_vae_is_refused(pipeline: Any) -> None:
    pipeline.vae = None
    with pytest.raises(ValueError, match="the pipeline has no VAE, whose normalization it needs; load it with one"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=Pooling(), **READ)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vae", "weight"),
    [(Pooling, lambda vae: vae.weight), (Plain, lambda vae: vae.model.weight), (Plain, lambda vae: vae.scale)],
    ids=["module", "held-module", "held-tensor"],
)
def test_a_run_resumes_with_this_encoder_only(vae: Callable, weight: Callable, tmp_path: Path) -> None:
    pipeline, whole, folder = tiny_pipeline(), tmp_path / "whole", tmp_path / "cut"
    explain(pipeline, whole, vae=vae())
    cut_off(pipeline, folder, vae=vae())
    explain(pipeline, folder, vae=vae())
    assert contents(folder) == contents(whole)
    assert options_of(folder)["vae"] == {
        "class": vae.__name__,
        "name": "",
        "offset": [0.0],
        "factor": [1.0],
        "repeats": 0,
    }
    other = vae()
    with torch.no_grad():
        weight(other).add_(1)
    with pytest.raises(ValueError, match="other settings: weights of the other vae changed; give another folder"):
        explain(pipeline, folder, vae=other)
    with pytest.raises(ValueError, match=r"vae was \{'class': .* and is None"):
        explain(pipeline, folder)
    rescaled = vae()
    rescaled.config = {"scaling_factor": 2.0}
    with pytest.raises(ValueError, match=r"vae.factor was \[1.0\] and is \[2.0\]"):
        explain(pipeline, folder, vae=rescaled)


def test_a_folder_is_loaded_as_the_vae_of_the_pipeline_is(pipeline: Any, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path / "pipeline")
    pipeline.vae.to(torch.bfloat16).enable_tiling()
    vae = base.load_vae(tmp_path / "pipeline", pipeline)
    assert type(vae) is type(pipeline.vae)
    assert (vae.dtype, vae.use_tiling, vae.training) == (torch.bfloat16, True, False)
    pipeline.vae.disable_tiling()
    assert not base.load_vae(tmp_path / "pipeline" / "vae", pipeline).use_tiling


def without_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    del weights["encoder.conv_out.conv.weight"]
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


WEIGHTS = "diffusion_pytorch_model.safetensors"
DAMAGES = {
    "pickle": (
        lambda folder: (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin"),
        "no file named diffusion_pytorch_model.safetensors",
    ),
    "no-config": (lambda folder: (folder / "config.json").unlink(), "no file named config.json"),
    "cut-config": (lambda folder: (folder / "config.json").write_text("{"), "not a valid JSON"),
    "other-class": (
        lambda folder: (folder / "config.json").write_text('{"_class_name": "CogVideoXTransformer3DModel"}'),
        "its config is of the class CogVideoXTransformer3DModel, which is no VAE of diffusers",
    ),
    "no-class": (lambda folder: (folder / "config.json").write_text("{}"), "of the class None, which is no VAE"),
    "cut-weights": (lambda folder: (folder / WEIGHTS).write_bytes(b"{}"), "Unable to load weights"),
    "a-tensor": (without_a_tensor, "the files of its vae have no encoder.conv_out.conv.weight"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_a_folder_that_holds_no_vae_is_one_line_that_names_it(
    damage: Callable, reason: str, pipeline: Any, tmp_path: Path
) -> None:
    pipeline.vae.save_pretrained(tmp_path)
    damage(tmp_path)
    begins = f"the vae {tmp_path} was not loaded; give a folder or a Hugging Face id of a VAE of diffusers ("
    with pytest.raises(ValueError, match=re.escape(begins)) as refused:
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=tmp_path, **READ)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("folder", ["./nowhere", "/no/where", "a/b/c"])
def test_a_path_that_is_no_folder_is_not_looked_for_on_the_hub(folder: str, pipeline: Any) -> None:
    with pytest.raises(ValueError, match=f"the vae {folder} was not loaded; .*there is no such folder"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=folder, **READ)


def test_a_vae_of_another_model_is_refused(tmp_path: Path, pipeline: Any) -> None:
    small = {"base_dim": 3, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
    AutoencoderKLWan(z_dim=16, temperal_downsample=[False, True, True], **small).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"AutoencoderKLWan makes latents \[1, 16, 2, 8, 12\] .* takes \[1, 4, 2, 8"):
        imap_fast.explain(pipeline, clip(), *ARGUMENTS, vae=tmp_path, **READ)


@pytest.mark.slow
def test_an_evaluation_loads_it_once(pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.vae.save_pretrained(tmp_path / "copy")
    load, loaded = base.load_vae, []
    monkeypatch.setattr(base, "load_vae", lambda *given: loaded.append(given) or load(*given))
    example = Example(clip(), "a red cat", ("cat", "background"), ())
    data = DataSet({"test": True}, {"one": lambda: example, "two": lambda: example})
    maps = []
    found = evaluate(pipeline, data, vae=tmp_path / "copy", on_unmasked=lambda *given: maps.append(given[-1]), **READ)
    assert len(loaded) == 1
    named = {"class": "AutoencoderKLCogVideoX", "name": "copy"}
    assert found.settings["vae"] == named
    assert [each.settings["video"]["vae"] for each in maps] == [named, named]
