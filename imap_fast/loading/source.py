"""Where the files of a model are."""

from pathlib import Path

from imap_fast.demo.shipped_model import MODEL


def model_source(model: str) -> str:
    """The folder or the Hugging Face id that `--model` names.

    Args:
        model: a folder, an id, or `"demo"`.

    Raises:
        ValueError: the folder does not exist, or it holds no pipeline.
    """
    if model == "demo":
        return str(MODEL)
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ValueError(f"--model {model}: the folder has no model_index.json, so it holds no diffusers pipeline")
        return str(folder)
    # An id is `name` or `owner/name`. Anything else is meant as a path.
    if folder.exists() or folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise ValueError(f"--model {model}: no such folder; give one that save_pretrained wrote, or a Hugging Face id")
    return model
