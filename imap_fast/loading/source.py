"""Where the files of a model are."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imap_fast.demo.shipped_model import MODEL

INDEX = "model_index.json"
"""The file in the folder of every pipeline that names its parts."""


def model_source(model: str) -> str:
    """The folder or the Hugging Face id that `--model` names.

    Args:
        model: a folder, an id, or `"demo"`.

    Raises:
        ValueError: the folder does not exist, or it holds no pipeline.
    """
    if model == "demo":
        return str(MODEL)
    try:
        folder = Path(model).expanduser()
        if folder.is_dir():
            if not (folder / INDEX).is_file():
                raise ValueError(
                    f"--model {model}: the folder has no {INDEX}, so it holds no diffusers pipeline; give another"
                )
            return str(folder)
        is_file = folder.exists()
    except (OSError, RuntimeError) as error:  # RuntimeError: `~name` of an unknown user
        raise ValueError(f"--model {model}: no such folder ({error}); give another, or a Hugging Face id") from error
    # An id is `name` or `owner/name`. Anything else is meant as a path.
    if is_file or folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ValueError(f"--model {model}: no such folder; give one that save_pretrained wrote, or a Hugging Face id")
    return model


@contextmanager
def reading_model(model: str) -> Iterator[None]:
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
        raise ValueError(f"--model {model}: not loaded; give a folder or a Hugging Face id ({reason})") from error
