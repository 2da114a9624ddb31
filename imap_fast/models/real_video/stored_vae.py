"""Loads a VAE from a folder or from the Hugging Face hub."""

from __future__ import annotations

import os
import textwrap
from typing import Any

import diffusers
import torch
from torch import nn

from imap_fast.complete_weights import check_complete
from imap_fast.models.unknown_settings import warn_of_unknown_settings
from imap_fast.text.model_name import HUB_ID


def load_vae(source: str | os.PathLike, pipeline: Any) -> Any:
    """Load a VAE of diffusers to the device of a pipeline, in the dtype of its VAE, and with tiles if that has them.

    Weights are read from safetensors only, and no code of the folder runs.

    Args:
        source: a folder with the files of the VAE, or of a pipeline, or an id on the hub.
        pipeline: has a VAE.

    Raises:
        ValueError: there is no VAE, or a file of it is missing or damaged.
    """
    try:
        vae = _loaded(str(source), pipeline.vae.dtype)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # libraries raise errors of every class for a damaged file
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 160)
        raise ValueError(
            f"the vae {source} was not loaded; give a folder or a Hugging Face id of a VAE of diffusers ({reason})"
        ) from error
    vae.to(pipeline._execution_device)
    if getattr(pipeline.vae, "use_tiling", False) and hasattr(vae, "use_tiling"):
        vae.enable_tiling()
    return vae


def _loaded(source: str, dtype: torch.dtype) -> Any:
    if not os.path.isdir(source) and not HUB_ID.fullmatch(source):
        raise ValueError("there is no such folder")
    subfolder, config = _config(source)
    kind: Any = getattr(diffusers, str(config.get("_class_name")), None)
    is_vae = isinstance(kind, type) and issubclass(kind, nn.Module) and hasattr(kind, "encode")
    if not is_vae:
        raise ValueError(f"its config is of the class {config.get('_class_name')}, which is no VAE of diffusers")
    vae, info = kind.from_pretrained(
        source, subfolder=subfolder, torch_dtype=dtype, use_safetensors=True, output_loading_info=True
    )
    check_complete("vae", source, vae, info)
    warn_of_unknown_settings("vae", source, config, kind)
    return vae


def _config(source: str) -> tuple[str | None, dict[str, Any]]:
    """The subfolder with the files of a VAE, which is that of a pipeline or none, and the config there."""
    try:
        return None, diffusers.AutoModel.load_config(source)
    except OSError as error:
        try:
            return "vae", diffusers.AutoModel.load_config(source, subfolder="vae")
        except OSError:
            raise error from None
