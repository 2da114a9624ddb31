"""What a data set holds and an evaluation does not read, so that nothing is skipped in silence."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

FILES = "files that are no frame or mask"
VIDEOS = "described videos that are not there"
UNDESCRIBED = "videos that nothing describes"
EXPRESSIONS = "expressions of no object"
NAMELESS = "expressions that begin with no name (--concepts FILE gives them one)"
RENAMES = "names in the file of concepts that nothing has"


def skipped_in(
    root: Path,
    files: Mapping[str, Callable[[], Sequence[Path]]],
    left_out: Mapping[str, Sequence[str]],
    clips: Collection[str],
) -> dict[str, list[str]]:
    """The names of what is skipped, by what it is.

    Args:
        root: the folder that names are relative to.
        files: finds the files of each clip. Whatever else is beside them is skipped.
        left_out: what is known to be skipped already.
        clips: the clips that are evaluated.
    """
    read = {file for find in {files[clip] for clip in clips if clip in files} for file in find()}
    beside = (other for folder in {file.parent for file in read} for other in folder.iterdir() if other not in read)
    others = sorted(other.relative_to(root).as_posix() for other in beside)
    return {what: list(names) for what, names in {**left_out, FILES: others}.items() if names}
