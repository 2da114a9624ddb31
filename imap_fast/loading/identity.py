"""What tells one model from another: its name, and the content of its files."""

import os
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from imap_fast.files import sampled_sha256_of
from imap_fast.loading.source import INDEX, model_source, reading_model
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
        return {"model": model_name(model), "model_files": _digests_of(model, Path(source))}
    return {"model": model_name(model), "model_commit": _commit_of(source)}


def refuse_changed_model(model: str, identity: ModelIdentity) -> None:
    """Raise ValueError if a model is no longer the one that had this identity. To be called when it is loaded."""
    if model_identity(model) != identity:
        raise ValueError(f"--model {model}: its files changed while it was loaded; run again")


def _digests_of(model: str, folder: Path) -> dict[str, str]:
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
        raise ValueError(f"--model {model}: a file cannot be read ({error}); make the folder readable") from error


def _commit_of(model: str) -> str:
    """The commit of a model of the hub that the cache holds. Its index is downloaded if the cache holds none."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    index: object = None
    with suppress(ValueError):  # an impossible id, which the download reports
        index = try_to_load_from_cache(model, INDEX)
    if not isinstance(index, str):
        from imap_fast.loading.libraries import keep_libraries_quiet

        keep_libraries_quiet(Console(stderr=True))
        with reading_model(model):
            index = hf_hub_download(model, INDEX)
    return Path(str(index)).parent.name  # …/snapshots/<commit>/model_index.json
