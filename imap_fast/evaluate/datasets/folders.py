"""Which data set a folder holds, told by its layout."""

from pathlib import Path

from imap_fast.evaluate.datasets.expressions import FILE
from imap_fast.evaluate.datasets.mevis import MASKS, mevis
from imap_fast.evaluate.datasets.palette_masks import palette_masks
from imap_fast.evaluate.datasets.referring import expressions_of, referring
from imap_fast.evaluate.datasets.vspw import is_vspw, vspw
from imap_fast.evaluate.example import DataSet


def open_folder(path: Path, *, captions: Path | None = None, concepts: Path | None = None) -> DataSet:
    """The data set in a folder, or in its only split that has masks. For VSPW, also one of its lists.

    Args:
        path: of the folder.
        captions: see `palette_masks` and `vspw`. With them, the expressions of a split are not read.
        concepts: see the data sets.

    Raises:
        ValueError: another layout, several splits, or captions for MeViS.
    """
    if path.is_dir() and not has_layout(path):
        splits = sorted(each for each in path.iterdir() if not each.name.startswith(".") and has_layout(each))
        if len(splits) > 1:
            raise ValueError(f"{path} has several splits; give one: {', '.join(map(str, splits))}")
        path = splits[0] if splits else path
    if path.is_file() or is_vspw(path):
        return vspw(path, captions=captions, concepts=concepts)
    if (path / MASKS).exists() or (path / FILE).exists():
        if captions is not None:
            raise ValueError(f"{path} has captions of its own, the expressions of MeViS; omit captions")
        return mevis(path, concepts=concepts)
    if captions is None and expressions_of(path).exists():
        return referring(path, concepts=concepts)
    return palette_masks(path, captions=captions, concepts=concepts)


def has_layout(folder: Path) -> bool:
    """Whether a folder has frames and masks in one of the layouts."""
    is_split = (folder / "JPEGImages").is_dir() and any((folder / name).exists() for name in ("Annotations", MASKS))
    return is_split or is_vspw(folder)
