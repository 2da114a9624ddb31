"""Where the files of a model are."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imap_fast.demo.shipped_model import MODEL

INDEX = "model_index.json"
"""The file in the folder of every pipeline that names its parts."""

CONFIG = "config.json"
"""The config in the folder of a model that is not a pipeline."""

VAE_CONFIGS = ("config.json", "vae/config.json")
"""The config of a VAE, in a folder of its own or in that of a pipeline."""


def model_source(model: str) -> str:
    """The folder or the Hugging Face id that `--model` names.

    Args:
        model: a folder, an id, or `"demo"`.

    Raises:
        ValueError: the folder does not exist, or it holds no pipeline.
    """
    if model == "demo":
        return str(MODEL)
    source, folder = _source("--model", model)
    if folder is not None and not (folder / INDEX).is_file():
        raise ValueError(f"--model {model}: the folder has no {INDEX}, so it holds no diffusers pipeline; give another")
    return source


def vae_source(vae: str) -> str:
    """The folder or the Hugging Face id that `--vae` names.

    Raises:
        ValueError: the folder does not exist, or it holds no VAE.
    """
    source, folder = _source("--vae", vae)
    if folder is not None and not any((folder / config).is_file() for config in VAE_CONFIGS):
        raise ValueError(f"--vae {vae}: the folder has no {' and no '.join(VAE_CONFIGS)}; give the folder of a VAE")
    return source


def sam2_source(model: str) -> str:
    """The folder or the Hugging Face id that `--sam2` names.

    Raises:
        ValueError: the folder does not exist, or it holds no model.
    """
    source, folder = _source("--sam2", model)
    if folder is not None and not (folder / CONFIG).is_file():
        raise ValueError(f"--sam2 {model}: the folder has no {CONFIG}, so it holds no SAM 2; give another")
    return source


def _source(option: str, value: str) -> tuple[str, Path | None]:
    """The folder or the Hugging Face id that an option names, and the folder if it is one.

    Raises:
        ValueError: the value can only be meant as a folder, and there is none.
    """
    try:
        folder = Path(value).expanduser()
        if folder.is_dir():
            return str(folder), folder
        is_file = folder.exists()
    except (OSError, RuntimeError) as error:  # RuntimeError: `~name` of an unknown user
        raise ValueError(f"{option} {value}: no such folder ({error}); give another, or a Hugging Face id") from error
    # An id is `name` or `owner/name`. Anything else is meant as a path.
    if is_file or folder.is_absolute() or value.startswith((".", "~")) or value.count("/") > 1:
        raise ValueError(f"{option} {value}: no such folder; give one that save_pretrained wrote, or a Hugging Face id")
    return value, None


@contextmanager
def reading_model(model: str, option: str = "--model") -> Iterator[None]:
    """Report what any library raises inside the `with` block as a fault of the files of a model.

    Libraries raise errors of every class for a damaged file, and seldom name it.

    Raises:
        ValueError: one line that names the model. Memory that is full is no fault of the files, and stays what it is.
    """
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        reason = textwrap.shorten(f"{type(error).__name__}: {error}", 160)
        raise ValueError(f"{option} {model}: not loaded; give a folder or a Hugging Face id ({reason})") from error
