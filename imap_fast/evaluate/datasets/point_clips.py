"""Folders of clips with points, as docs/tap-vid.md writes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from imap_fast.evaluate.datasets.descriptions import digest_of, is_text, read_object
from imap_fast.evaluate.datasets.pictures import natural
from imap_fast.evaluate.datasets.points_npz import read_points, video_of
from imap_fast.evaluate.example import DataSet, Example
from imap_fast.metrics.tracking import MODES

SUFFIX = ".npz"


def holds_points(path: Path) -> bool:
    """Whether a path is a file of points, or a folder with some."""
    return bool(_files_in(path))


def point_clips(path: Path, *, captions: Path | None = None, queries: str = MODES[0]) -> DataSet:
    """Clips whose points are known. Their tracks are measured, and nothing else.

    Args:
        path: a folder of `.npz` files, each beside its video, or one such file. A clip has the name of its file.
        captions: a JSON object `{clip: {"caption": …}}`. Only its clips are read. None: all, with an empty prompt.
        queries: the frames in which points are marked, `"first"` or `"strided"`; see
            `imap_fast.metrics.tracking.queries`.

    Raises:
        ValueError: no such files, captions of another form or of a clip that does not exist, or an unknown mode.
    """
    if queries not in MODES:
        raise ValueError(f"the query mode is {queries!r}; give one of {', '.join(MODES)}")
    files = {file.stem: file for file in _files_in(path)}
    texts = dict.fromkeys(files, "") if captions is None else _read_captions(captions)
    missing = sorted(texts.keys() - files.keys())
    if missing:
        raise ValueError(f"{captions} names the clip {missing[0]!r}, which {path} does not hold; remove it")
    if not texts:
        raise ValueError(f"{captions or path} has no clip with points; write them as docs/tap-vid.md does")
    names = [name for name in files if name in texts]
    clips = {name: partial(_read, files[name], texts[name], queries) for name in names}
    sources = {name: partial(_files_of, files[name]) for name in names}
    source = {"data": path.resolve().name, "captions": digest_of(texts), "queries": queries}
    return DataSet(source, clips, sources, path if path.is_dir() else path.parent, of_points=True)


def _files_in(path: Path) -> list[Path]:
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix == SUFFIX and not file.name.startswith(".")]
        return sorted(files, key=lambda file: natural(file.name))
    return [path] if path.suffix == SUFFIX and path.is_file() else []


def _files_of(file: Path) -> list[Path]:
    return [file, video_of(file)]


def _read_captions(path: Path) -> dict[str, str]:
    texts = {}
    for clip, entry in read_object(path).items():
        caption = entry.get("caption") if isinstance(entry, dict) else None
        if not isinstance(caption, str) or not is_text(caption):
            raise ValueError(
                f'{path}: write {clip!r} like {{"caption": "a bear walks"}}, in valid Unicode, not {entry!r}'
            )
        texts[clip] = caption
    return texts


def _read(file: Path, caption: str, queries: str) -> Example:
    known = read_points(file)
    return Example(known.clip, caption, (), points=(known.points, known.visible), queries=queries)
