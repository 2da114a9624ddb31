"""The videos that a command gets: which files and stretches, and the results folder of each."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".ogv", ".avi", ".wmv", ".flv"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".y4m", ".gif", ".apng"),
}
"""The suffixes of videos in a folder."""


Times = tuple[float | None, float | None]
"""The start and the end of a stretch in seconds. None: those of the video."""


class Stretch(NamedTuple):
    """What is read of a file: its arguments are those of `VideoFile`."""

    path: Path
    start: float | None = None
    end: float | None = None

    def __str__(self) -> str:
        return self.named(self.path.name)

    def named(self, name: str) -> str:
        """The name of the file with the times of the stretch, if it is not the whole file."""
        times = times_name(self.start, self.end)
        return f"{name}, {times}" if times else name


def times_name(start: float | None, end: float | None) -> str:
    """A name for a stretch that can be that of a folder, such as `80.5-95s`. Empty for a whole video."""
    if start is None and end is None:
        return ""
    first, last = (f"{time or 0:.6f}".rstrip("0").rstrip(".") for time in (start, end))
    return f"{first}-end" if end is None else f"{first}-{last}s"


def result_folders(
    paths: list[Path], output: Path, stretches: Sequence[Times] = ((None, None),)
) -> dict[Stretch, Path]:
    """The results folder of each stretch of each video: `output` for a single one, and folders in it for several.

    Args:
        paths: files, and folders that contain videos.
        output: from the command line.
        stretches: of every video.

    Raises:
        ValueError: a folder without a video, or two files with the same name.
    """
    folders = _video_folders(paths, output)
    if len(stretches) == 1:
        return {Stretch(path, *stretches[0]): folder for path, folder in folders.items()}
    return {
        Stretch(path, *times): folder / times_name(*times) for path, folder in folders.items() for times in stretches
    }


def _video_folders(paths: list[Path], output: Path) -> dict[Path, Path]:
    """The folder of each video: `output` for a single file, a folder in `output` for each of several."""
    if len(paths) == 1 and not paths[0].is_dir():
        return {paths[0]: output}
    files: list[Path] = []
    for path in paths:
        videos = [path]
        if path.is_dir():
            videos = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != ".")
            if not videos:
                raise ValueError(f"{path} holds no video; give a folder with {', '.join(sorted(SUFFIXES))} files")
        files.extend(videos)
    files = list(dict.fromkeys(files))
    name, count = Counter(file.name for file in files).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} videos are called {name}, so their results would be, too; explain them one by one")
    return {file: output / file.name for file in files}
