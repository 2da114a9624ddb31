"""The videos that a command gets: which files, and the results folder of each."""

from collections import Counter
from pathlib import Path

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"}
"""The suffixes of videos in a folder."""


def result_folders(paths: list[Path], output: Path) -> dict[Path, Path]:
    """The results folder of each video: `output` for a single file, a folder in `output` for each of several.

    Args:
        paths: files, and folders that contain videos.
        output: from the command line.

    Raises:
        ValueError: a folder without a video, or two files with the same name.
    """
    if len(paths) == 1 and not paths[0].is_dir():
        return {paths[0]: output}
    files: list[Path] = []
    for path in paths:
        videos = [path]
        if path.is_dir():
            videos = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            if not videos:
                raise ValueError(f"{path} holds no video; give a folder with {', '.join(sorted(SUFFIXES))} files")
        files.extend(videos)
    files = list(dict.fromkeys(files))
    name, count = Counter(file.name for file in files).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} videos are called {name}, so their results would be, too; explain them one by one")
    return {file: output / file.name for file in files}
