"""What tells one model from another, and one VAE: the name, and the content of the files."""

import os
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from imap_fast.files import sampled_sha256_of
from imap_fast.loading.source import CONFIG, INDEX, VAE_CONFIGS, model_source, reading_model, sam2_source, vae_source
from imap_fast.text.model_name import model_name

NOT_READ = (".md", ".csv", ".log", ".png", ".jpg", ".gif", ".mp4")
"""The suffixes of files in the folder of a model that describe it. No map depends on them."""

ModelIdentity = dict[str, str | dict[str, str]]


def model_identity(model: str) -> ModelIdentity:
    """What tells a model from others without naming a folder of this machine, for the options of a run.

    A copy of a folder is the same model. Of a large file only samples are read (`sampled_sha256_of`).

    Args:
        model: a folder, an id on the Hugging Face hub, or `"demo"`.

    Returns:
        `model`, its name. For a folder `model_files`, a digest of each file by its path in the folder. For an id
        `model_commit`, the commit in the cache of the hub; without one, the index of the model is downloaded.

    Raises:
        ValueError: a file of the folder cannot be read, or there is no model with this id.
    """
    source = model_source(model)
    if os.path.isdir(source):
        return {"model": model_name(model), "model_files": _digests_of("--model", model, Path(source))}
    return {"model": model_name(model), "model_commit": _commit_of("--model", source, INDEX)}


def vae_identity(vae: str | None) -> ModelIdentity:
    """The same of another VAE: `vae`, and `vae_files` or `vae_commit`. Empty without one.

    Args:
        vae: a folder with the files of a VAE, or of a pipeline, or an id on the Hugging Face hub.

    Raises:
        ValueError: as in `model_identity`.
    """
    if vae is None:
        return {}
    source = vae_source(vae)
    if not os.path.isdir(source):
        return {"vae": model_name(vae), "vae_commit": _commit_of("--vae", source, *VAE_CONFIGS)}
    folder = next((Path(source) / config).parent for config in VAE_CONFIGS if (Path(source) / config).is_file())
    return {"vae": model_name(vae), "vae_files": _digests_of("--vae", vae, folder)}


def sam2_identity(model: str) -> ModelIdentity:
    """The same of a SAM 2: `sam2`, and `sam2_files` or `sam2_commit`.

    Raises:
        ValueError: as in `model_identity`.
    """
    source = sam2_source(model)
    if os.path.isdir(source):
        return {"sam2": model_name(model), "sam2_files": _digests_of("--sam2", model, Path(source))}
    return {"sam2": model_name(model), "sam2_commit": _commit_of("--sam2", source, CONFIG)}


def refuse_changed_model(model: str, identity: ModelIdentity, vae: str | None = None) -> None:
    """Raise ValueError if a model, or another VAE, no longer has its identity. To be called when it is loaded."""
    for named, now in ((f"--model {model}", model_identity(model)), (f"--vae {vae}", vae_identity(vae))):
        if now != {name: identity.get(name) for name in now}:
            raise ValueError(f"{named}: its files changed while it was loaded; run again")


def _digests_of(option: str, value: str, folder: Path) -> dict[str, str]:
    """The digests of the files of a folder and of its subfolders, which are the parts of a pipeline."""
    try:
        files = [
            file
            for pattern in ("*", "*/*")
            for file in folder.glob(pattern)
            if file.is_file() and file.suffix.lower() not in NOT_READ
        ]
        names = {file: file.relative_to(folder).as_posix() for file in files}
        visible = (file for file in files if not any(part.startswith(".") for part in names[file].split("/")))
        return {names[file]: sampled_sha256_of(file) for file in sorted(visible)}
    except OSError as error:
        raise ValueError(f"{option} {value}: a file cannot be read ({error}); make the folder readable") from error


def _commit_of(option: str, model: str, *names: str) -> str:
    """The commit of a model of the hub that the cache holds.

    Args:
        option: names the model in an error.
        model: an id.
        names: of files of which the model has at least one. If the cache holds none, the first one is downloaded.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError

    for name in names:
        with suppress(ValueError):  # an impossible id, which the download reports
            if isinstance(cached := try_to_load_from_cache(model, name), str):
                return _commit_in(cached, name)
    from imap_fast.loading.libraries import keep_libraries_quiet

    keep_libraries_quiet(Console(stderr=True))
    *others, last = names
    with reading_model(model, option):
        for name in others:
            with suppress(EntryNotFoundError):
                return _commit_in(hf_hub_download(model, name), name)
        return _commit_in(hf_hub_download(model, last), last)


def _commit_in(path: str, name: str) -> str:
    """The commit in the path of a file in the cache of the hub: …/snapshots/<commit>/<name>."""
    return Path(path.removesuffix(name)).name
