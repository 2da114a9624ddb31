"""A model's name → a pipeline that is ready on its device."""

import inspect
import textwrap
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoModel, DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from rich.console import Console
from transformers.utils import logging as transformers_logging

from imap_fast.demo.shipped import MODEL
from imap_fast.doctor import WEIGHTS_SHARE
from imap_fast.memory import place as put
from imap_fast.memory import quantize as quantize_weights


def load_pipeline(
    model: str, *, dtype: str, device: str, console: Console, memory: str = "auto", quantize: str = "none"
) -> Any:
    """Load a diffusers pipeline, from a folder or the Hugging Face hub by the same path.

    Args:
        model: a folder, an id on the hub, or `"demo"`.
        dtype: of the weights; `"auto"`: float32 on a CPU; on a GPU what the checkpoint was published in, float16 for
            CogVideoX-2B (without rotary embeddings) and bfloat16 for the others.
        device: a torch device; `"auto"`: the GPU where there is one.
        memory: one of `imap_fast.memory.MODES`, or `"auto"`: the first that the GPU's free memory takes.
        quantize: one of `imap_fast.memory.QUANTIZED`.
        console: where progress is shown, if it is a terminal.

    Raises:
        ValueError: no such model, or no such device.
    """
    keep_libraries_quiet(console)
    source, place = model_source(model), _device(device)
    try:
        kind = _dtype(dtype, place, source)
        pipe = DiffusionPipeline.from_pretrained(source, torch_dtype=kind)
    except (OSError, ValueError) as error:
        reason = textwrap.shorten(str(error), 160)
        raise ValueError(f"--model {model}: not loaded; give a folder or a Hugging Face id ({reason})") from error
    pipe.set_progress_bar_config(disable=True)
    quantize_weights(pipe, quantize)
    put(pipe, place, _picked(pipe, place, console) if memory == "auto" else memory)
    return pipe


def text_to_video_arguments(pipe: Any) -> dict[str, Any]:
    """What a call with a prompt must say beside it: the text length that the transformer was made for.

    Raises:
        ValueError: the pipeline does not start from text alone.
    """
    known = inspect.signature(pipe.__call__).parameters
    needed = {"image", "video", "control_video"} & known.keys()
    if needed:
        raise ValueError(
            f"{type(pipe).__name__} starts from {' or '.join(needed)}; a new video takes a text-to-video checkpoint, "
            "an explained one takes this one too"
        )
    text_length = pipe.transformer.config.get("max_text_seq_length")
    if text_length is None or "max_sequence_length" not in known:
        return {}
    return {"max_sequence_length": text_length}


def keep_libraries_quiet(console: Console) -> None:
    """Leave diffusers and transformers nothing to say but errors, and their loading bars to terminals."""
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        if not console.is_terminal:
            logging.disable_progress_bar()


def model_source(model: str) -> str:
    """The folder or Hugging Face id behind `--model`, or a ValueError."""
    if model == "demo":
        return str(MODEL)
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"--model {model}: the folder has no model_index.json, so it holds no diffusers pipeline")
        return str(folder)
    # An id is `name` or `owner/name`; anything else can only be meant as a path.
    if folder.exists() or folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ValueError(f"--model {model}: no such folder; give one that save_pretrained wrote, or a Hugging Face id")
    return model


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
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


def _picked(pipe: Any, device: torch.device, console: Console) -> str:
    """The mode for the memory that is free, and says so."""
    if device.type != "cuda":
        return "full"
    modules = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    parts = [sum(parameter.nbytes for parameter in module.parameters()) for module in modules]
    free, _ = torch.cuda.mem_get_info(device)
    room = WEIGHTS_SHARE * free
    mode = "full" if sum(parts) <= room else "model-offload" if max(parts) <= room else "group-offload"
    console.print(
        f"{sum(parts) / 2**30:.1f} GiB of weights, the largest part {max(parts) / 2**30:.1f}, and "
        f"{free / 2**30:.1f} GiB free: --memory {mode}",
        soft_wrap=True,
    )
    return mode
