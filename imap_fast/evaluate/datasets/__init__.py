"""The data sets, one file for each format."""

from pathlib import Path

from imap_fast.evaluate.datasets.demo_world import demo_world
from imap_fast.evaluate.datasets.folders import has_layout, open_folder
from imap_fast.evaluate.datasets.mevis import mevis
from imap_fast.evaluate.datasets.palette_masks import palette_masks
from imap_fast.evaluate.datasets.point_clips import SUFFIX, holds_points, point_clips
from imap_fast.evaluate.datasets.referring import referring
from imap_fast.evaluate.datasets.video_list import video_list
from imap_fast.evaluate.datasets.vspw import vspw
from imap_fast.evaluate.example import DataSet
from imap_fast.metrics.tracking import MODES

__all__ = ["demo_world", "mevis", "open_dataset", "palette_masks", "point_clips", "referring", "video_list", "vspw"]


def open_dataset(
    data: str,
    *,
    captions: Path | None = None,
    concepts: Path | None = None,
    videos: Path | None = None,
    generate: bool = False,
    clips: int | None = None,
    queries: str | None = None,
) -> DataSet:
    """The data set that an argument of the command line names.

    Args:
        data: `"demo"`, a folder of frames and masks or of points, a list of clips of VSPW, or a JSON list of videos.
        captions: see `palette_masks`.
        concepts: see `palette_masks`, `referring`, `mevis` and `vspw`.
        videos: see `video_list`.
        generate: see `video_list`.
        queries: see `point_clips`. None: its default.
        clips: the number of clips, from the first one on. None: all; the default of `demo_world` for the demo.

    Raises:
        ValueError: no such data set, or an option that it does not support.
    """
    path = Path(data)
    is_list = data != "demo" and path.suffix.lower() == ".json" and not path.is_dir()
    is_folder = data != "demo" and (path.is_dir() or (path.suffix.lower() in (".txt", SUFFIX) and path.is_file()))
    for name, file in (("captions", captions), ("concepts", concepts)):
        if file is not None and not is_folder:
            raise ValueError(f"{name} are for a folder of frames and masks, and {data} is none; omit them")
    if videos is not None and not is_list:
        raise ValueError(f"videos is the folder of the videos in a JSON list, and {data} is none; omit it")
    if generate and not is_list:
        raise ValueError(f"videos are generated from the captions of a JSON list, and {data} is none; omit generate")
    is_of_points = is_folder and not has_layout(path) and holds_points(path)
    if queries is not None and not is_of_points:
        raise ValueError(f"queries are of points, and {data} holds none; omit them")
    if is_of_points:
        if concepts is not None:
            raise ValueError(f"{data} holds points, and nothing is looked for; omit concepts")
        return point_clips(path, captions=captions, queries=queries or MODES[0]).first(clips)
    if data == "demo":
        return demo_world() if clips is None else demo_world(clips)
    if is_folder:
        return open_folder(path, captions=captions, concepts=concepts).first(clips)
    if is_list:
        return video_list(path, videos=videos, generate=generate).first(clips)
    raise ValueError(
        f"{data} is no data set; give demo, a folder with JPEGImages and Annotations, or of MeViS, VSPW or points, or "
        "a .json list"
    )
