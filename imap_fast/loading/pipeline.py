"""Loads a diffusers pipeline."""

import inspect
import textwrap
from typing import Any

import torch
from diffusers import AutoModel, ConfigMixin, DiffusionPipeline
from rich.console import Console

from imap_fast.loading.libraries import keep_libraries_quiet
from imap_fast.loading.memory_modes import fitting_mode
from imap_fast.loading.parts import load_parts
from imap_fast.loading.placement import place
from imap_fast.loading.quantization import quantize as quantize_weights
from imap_fast.loading.source import model_source, reading_model
from imap_fast.models.registry import PIPELINES, Pipeline
from imap_fast.models.unknown_settings import warn_of_unknown_settings

PARTS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler")
"""The parts that every supported pipeline has."""

NEEDS_NEGATIVE_PROMPT = ("EasyAnimatePipeline",)
"""Pipelines that guide by default, and fail without a negative prompt."""


def load_pipeline(
    model: str, *, dtype: str, device: str, console: Console, memory: str = "auto", quantize: str = "none"
) -> Any:
    """Load a diffusers pipeline from a folder or from the Hugging Face hub.

    Args:
        model: a folder, an id on the hub, or `"demo"`.
        dtype: of the weights. `"auto"`: float32 on a CPU. On a GPU the dtype in which the checkpoint was published:
            float16 for CogVideoX-2B (which has no rotary embeddings), bfloat16 for the others.
        device: a torch device. `"auto"`: the GPU if there is one.
        console: shows progress if it is a terminal.
        memory: one of `imap_fast.loading.memory_modes.MODES`. `"auto"`: the first mode that fits the free memory of the
            GPU.
        quantize: one of `imap_fast.loading.memory_modes.QUANTIZED`.

    Raises:
        ValueError: the model or the device does not exist, or a file of the model is damaged or incomplete.
    """
    keep_libraries_quiet(console)
    source, torch_device = model_source(model), _device(device)
    with reading_model(model):
        weight_dtype = _dtype(dtype, torch_device, source)
        parts = load_parts(source, weight_dtype)
        pipe = DiffusionPipeline.from_pretrained(source, torch_dtype=weight_dtype, **parts)
    missing = [name for name in PARTS if getattr(pipe, name, None) is None]
    if missing:
        raise ValueError(f"--model {model}: {type(pipe).__name__} there has no {missing[0]}; give a video pipeline")
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and name not in parts:
            raise ValueError(
                f"--model {model}: the class of its {name} is not of diffusers or transformers; save the pipeline again"
            )
        if isinstance(part, ConfigMixin):
            warn_of_unknown_settings(name, source, part.config, type(part))
    warn_of_unknown_settings("pipeline", source, DiffusionPipeline.load_config(source), type(pipe))
    pipe.set_progress_bar_config(disable=True)
    quantize_weights(pipe, quantize)
    place(pipe, torch_device, _choose_mode(pipe, torch_device, console) if memory == "auto" else memory)
    return pipe


def text_to_video_arguments(pipe: Any) -> dict[str, Any]:
    """Further arguments for a call with a prompt, like the text length that the transformer was trained with.

    Raises:
        ValueError: the pipeline needs more than text.
    """
    name, known = type(pipe).__name__, inspect.signature(pipe.__call__).parameters
    pipeline = PIPELINES.get(name)
    if pipeline is None:  # another one with a transformer that is known
        needed = [each for each in ("image", "video", "control_video") if each in known]
        pipeline = Pipeline(name, " or ".join(needed) or None, explained=False)
    if pipeline.starts_from is not None:
        too = ", an explained one takes this one too" if pipeline.explained else ""
        raise ValueError(
            f"{name} starts from {pipeline.starts_from}; a new video takes a text-to-video checkpoint{too}"
        )
    arguments: dict[str, Any] = {"negative_prompt": ""} if name in NEEDS_NEGATIVE_PROMPT else {}
    text_length = pipe.transformer.config.get("max_text_seq_length")
    if text_length is not None and "max_sequence_length" in known:
        arguments["max_sequence_length"] = text_length
    return arguments


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device).cpu()  # which `meta` cannot
    except (RuntimeError, AssertionError) as error:
        reason = textwrap.shorten(str(error), 80)
        raise ValueError(f"--device {name}: not on this machine, try auto ({reason})") from error
    return device


def _dtype(name: str, device: torch.device, source: str) -> torch.dtype:
    if name != "auto":
        return getattr(torch, name)
    if device.type != "cuda":
        return torch.float32
    config = AutoModel.load_config(source, subfolder="transformer")
    published_in_half = config.get("use_rotary_positional_embeddings") is False
    return torch.float16 if published_in_half or not torch.cuda.is_bf16_supported() else torch.bfloat16


def _choose_mode(pipe: Any, device: torch.device, console: Console) -> str:
    """The mode that fits the free memory. A line on the console says which one it is."""
    if device.type != "cuda":
        return "full"
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    parts = [sum(parameter.nbytes for parameter in module.parameters()) for module in modules]
    free, _ = torch.cuda.mem_get_info(device)
    mode = fitting_mode(parts, free)
    console.print(
        f"{sum(parts) / 2**30:.1f} GiB of weights, the largest part {max(parts) / 2**30:.1f}, and "
        f"{free / 2**30:.1f} GiB free: --memory {mode}",
        soft_wrap=True,
    )
    return mode
