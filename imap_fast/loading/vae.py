"""Loads another VAE for a pipeline that is loaded."""

from typing import Any

from imap_fast.loading.source import vae_source
from imap_fast.models.real_video.stored_vae import load_vae


def load_other_vae(vae: str | None, pipe: Any) -> Any:
    """The VAE that `--vae` names, on the device of a pipeline. None without one.

    Args:
        vae: a folder with the files of a VAE, or of a pipeline, or an id on the Hugging Face hub.
        pipe: result of `load_pipeline`.

    Raises:
        ValueError: there is no VAE, or a file of it is missing or damaged.
    """
    return None if vae is None else load_vae(vae_source(vae), pipe)
