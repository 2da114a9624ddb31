"""Where weights are: placed, quantized, released, and how much memory that is said to take."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from rich.console import Console
from transformers import T5Config, T5EncoderModel

import imap_fast
from imap_fast.cli import main
from imap_fast.doctor import peak_memory
from imap_fast.explaining import gpu_memory
from imap_fast.explaining.explainer import Explainer
from imap_fast.loading import memory_modes, pipeline, placement, quantization
from imap_fast.loading.memory_modes import WEIGHTS_SHARE
from tests.architectures import ARCHITECTURES, Architecture
from tests.assertions import assert_close
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.pipelines import PIPELINES, PROMPT
from tests.precision import in_fp64
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline

CPU = torch.device("cpu")
PUBLISHED = {
    "2b": ({"num_attention_heads": 30, "num_layers": 30}, (49, 480, 720)),
    "1.5-5b": (
        {
            "num_attention_heads": 48,
            "num_layers": 42,
            "use_rotary_positional_embeddings": True,
            "patch_size_t": 2,
            "patch_bias": False,
            "sample_height": 96,
            "sample_width": 170,
            "sample_frames": 81,
        },
        (81, 768, 1360),
    ),
}
T5_XXL = {"d_model": 4096, "d_ff": 10240, "num_layers": 24, "num_heads": 64, "vocab_size": 32128}


@pytest.mark.slow
def test_group_offloaded_pipelines_explain_to_the_same_maps(architecture: Architecture) -> None:
    """On a CPU, too, diffusers moves the weights, from the CPU to the CPU."""
    read = {**architecture.arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH, "window": 9}
    made = in_fp64(architecture.pipeline())
    expected = imap_fast.explain(made, clip(13), PROMPT, ["cat", "running"], **read)
    placement.group_offload(made, CPU)
    with Explainer(made, PROMPT, ["cat", "running"], release_text_encoder=True, **read) as explainer:
        assert_close(explainer.explain(clip(13)).gramcol, expected.gramcol, 1e-6)


@pytest.mark.parametrize("kind", memory_modes.QUANTIZED[1:])
def test_quantized_weights_are_traced(kind: str, architecture: Architecture) -> None:
    pytest.importorskip("torchao", reason="an extra: imap-fast[quantize]")
    made = architecture.pipeline()
    quantization.quantize(made, kind)
    stored = {type(parameter).__name__ for parameter in made.transformer.parameters()}
    assert stored & {"Int8Tensor", "Float8Tensor", "AffineQuantizedTensor"}
    read = {**architecture.arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH}
    assert imap_fast.explain(made, clip(), PROMPT, ["cat", "running"], **read).gramcol.isfinite().all()


def test_without_torchao_the_remedy_is_named(pipeline, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"--quantize int8 needs torchao; pip install 'imap-fast\[quantize\]'"):
        quantization.quantize(pipeline, "int8")


@pytest.mark.parametrize("mode", memory_modes.MODES[1:])
def test_nothing_is_offloaded_from_a_cpu(pipeline, mode: str) -> None:
    with pytest.raises(ValueError, match=f"--memory {mode} moves weights"):
        placement.place(pipeline, CPU, mode)


@pytest.mark.parametrize(
    ("mode", "method"),
    [
        ("full", "to"),
        ("model-offload", "enable_model_cpu_offload"),
        ("sequential-offload", "enable_sequential_cpu_offload"),
    ],
)
def test_modes_are_those_of_diffusers(mode: str, method: str, monkeypatch) -> None:
    """Where there is no GPU: which of the pipeline's own methods is called."""
    pipe, called = tiny_pipeline(), []
    monkeypatch.setattr(pipe, method, lambda *_, **__: called.append(method))
    placement.place(pipe, torch.device("cuda"), mode)
    assert called == [method]
    assert pipe.vae.use_tiling == pipe.vae.use_slicing == (mode != "full")


@pytest.mark.parametrize(("free", "mode"), [(10, "full"), (1.05, "model-offload"), (0.5, "group-offload")])
def test_auto_picks_by_the_free_memory_and_says_so(free: float, mode: str, monkeypatch, capsys) -> None:
    pipe = tiny_pipeline()
    models = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    largest = max(sum(weight.nbytes for weight in part.parameters()) for part in models)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free * largest / WEIGHTS_SHARE), 0))
    assert pipeline._choose_mode(pipe, torch.device("cuda"), Console(stderr=True)) == mode
    assert f"--memory {mode}" in capsys.readouterr().err
    assert pipeline._choose_mode(pipe, CPU, Console(stderr=True)) == "full"


def test_the_text_encoder_is_released_once_the_text_is_encoded(pipeline) -> None:
    expected = imap_fast.explain(copy.deepcopy(pipeline), clip(13), *ARGUMENTS, **READ)
    with Explainer(pipeline, *ARGUMENTS, release_text_encoder=True, **READ) as explainer:
        assert torch.equal(explainer.explain(clip(13)).imap, expected.imap)
        assert pipeline.text_encoder is None
        assert torch.equal(explainer.explain(clip(13)).imap, expected.imap)


def test_a_text_encoder_that_sees_the_video_is_kept() -> None:
    _, make, _ = PIPELINES["hunyuan-image-tokens"]
    made, read = make(), {**ARCHITECTURES["hunyuan_video"].arguments, "layers": [0, 1], "window": 9}
    words = (PROMPT, ["cat", "running"])
    with Explainer(made, *words, release_text_encoder=True, height=HEIGHT, width=WIDTH, **read) as explainer:
        one, other = (explainer.explain(clip(9).frames[:, ::turn]) for turn in (1, -1))
    assert made.text_encoder is not None
    assert not torch.equal(one.gramcol, other.gramcol)


@pytest.mark.parametrize(("free", "windows"), [(10, 9), (1, 1), (100, gpu_memory.MOST_WINDOWS)])
def test_windows_that_fit_the_free_memory(free: int, windows: int, monkeypatch) -> None:
    values = {"reset_peak_memory_stats": None, "memory_allocated": 50, "max_memory_allocated": 150}
    values |= {"mem_get_info": (free * 100, 0), "memory_reserved": 50}
    for name, value in values.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert gpu_memory.PeakMeter(torch.device("cuda")).windows_that_fit() == windows
    assert gpu_memory.PeakMeter(CPU).windows_that_fit() == 1


def published(name: str) -> dict[str, torch.nn.Module]:
    with torch.device("meta"):
        parts = {
            "transformer": CogVideoXTransformer3DModel(**PUBLISHED[name][0]),
            "vae": AutoencoderKLCogVideoX(),
            "text_encoder": T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu")),
        }
    return {part: module.to(peak_memory.HALF) for part, module in parts.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_block_is_reckoned_as_it_runs_on_tensors_without_data(name: str, monkeypatch) -> None:
    parts, clip_size = published(name), PUBLISHED[name][1]
    transformer, (frames, height, width) = parts["transformer"], clip_size
    assert peak_memory.clip_of(parts)[0] == frames
    patch = transformer.config.patch_size_t or 1
    latents = -(-((frames - 1) // 4 + 1) // patch) * patch
    tokens = latents // patch * (height // 16) * (width // 16)
    # Attention makes no more than its output; without data it would be taken apart.
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda query, key, value, **_: torch.empty_like(query))
    meta = {"device": "meta", "dtype": peak_memory.HALF}
    rotary = None
    if transformer.config.use_rotary_positional_embeddings:
        rotary = tuple(torch.empty(tokens, 64, device="meta") for _ in range(2))
    with torch.no_grad(), peak_memory.LiveBytes(transformer) as live:
        transformer(
            torch.empty(1, latents, 16, height // 8, width // 8, **meta),
            torch.empty(1, 226, 4096, **meta),
            torch.empty(1, device="meta"),
            image_rotary_emb=rotary,
        )
    reckoned = peak_memory.transformer_bytes(transformer, parts["vae"], *clip_size)
    assert reckoned == pytest.approx(live.peak, rel=0.1)


@pytest.mark.slow
def test_peaks_of_the_published_2b() -> None:
    predicted = peak_memory.predicted_peaks(published("2b"), 49, 480, 720)
    assert list(predicted) == list(memory_modes.MODES)
    assert predicted["full"] > predicted["model-offload"] > predicted["group-offload"]
    text, transformer = 2 * 4_762_310_656, 2 * 1_693_783_872
    assert predicted["model-offload"] == text  # parts take turns, and the largest is the text encoder
    assert predicted["full"] > text + transformer
    assert predicted["group-offload"] < 2.5e9


def test_live_bytes_forget_what_is_gone() -> None:
    weights = torch.nn.Linear(10, 10)
    with torch.no_grad(), peak_memory.LiveBytes(weights) as live:
        for _ in range(3):
            weights(torch.empty(25, 10))
    assert live.peak == 2 * 25 * 10 * 4


@pytest.fixture
def model(tmp_path) -> str:
    made = tiny_pipeline()
    made.vae.register_to_config(sample_height=256, sample_width=256)  # whose tiles are larger than the clip
    made.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.mark.slow
def test_the_doctor_predicts(model: str, capsys) -> None:
    assert main(["doctor", "--model", model, "--frames", "17", "--size", "64x96"]) == 0
    told = capsys.readouterr().out
    assert "windows of 17 × 64×96" in told
    assert all(mode in told for mode in memory_modes.MODES)
    assert main(["doctor", "--model", model, "--json"]) == 0
    prediction = json.loads(capsys.readouterr().out)["prediction"]
    assert {name: prediction[name] for name in ("frames", "height", "width")} == {
        "frames": 9,
        "height": 32,
        "width": 48,
    }
    assert prediction["peaks"]["full"] > prediction["peaks"]["group-offload"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--frames", "9"], "name the model"),
        (["--model", "./nowhere"], "no such folder"),
        (["--model", "{model}", "--size", "480"], "write it like 480x720"),
        (["--model", "{model}", "--size", "0x64"], "write it like 480x720"),
    ],
)
def test_what_the_doctor_cannot_predict(arguments: list[str], says: str, model: str, capsys) -> None:
    assert main(["doctor", *(word.format(model=model) for word in arguments)]) == 2
    assert says in capsys.readouterr().err
