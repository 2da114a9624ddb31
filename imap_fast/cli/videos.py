"""The videos that a command is given: which files, and which folder each one's results go to."""

from collections import Counter
from pathlib import Path

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"}
"""By which videos are told in a folder."""


def result_folders(paths: list[Path], output: Path) -> dict[Path, Path]:
    """Each video's file and where its results go: one file's to `output`, several files' to a folder each in it.

    Args:
        paths: files, and folders, which stand for the videos in them.
        output: given on the command line.

    Raises:
        ValueError: a folder without a video, or two files of one name.
    """
    if len(paths) == 1 and not paths[0].is_dir():
        return {paths[0]: output}
    files: list[Path] = []
    for path in paths:
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            if not found:
                raise ValueError(f"{path} holds no video; give a folder with {', '.join(sorted(SUFFIXES))} files")
        files.extend(found)
    files = list(dict.fromkeys(files))
    name, count = Counter(file.name for file in files).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"{count} videos are called {name}, and so would be their results; give them in runs of their own"
        )
    return {file: output / file.name for file in files}
