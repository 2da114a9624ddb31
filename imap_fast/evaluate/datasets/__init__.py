"""The data sets, one file for each format."""

from pathlib import Path

from imap_fast.evaluate.datasets.demo_world import demo_world
from imap_fast.evaluate.datasets.palette_masks import palette_masks
from imap_fast.evaluate.datasets.video_list import video_list
from imap_fast.evaluate.example import DataSet

__all__ = ["demo_world", "open_dataset", "palette_masks", "video_list"]


def open_dataset(
    data: str, *, captions: Path | None = None, videos: Path | None = None, clips: int | None = None
) -> DataSet:
    """The data set that an argument of the command line names.

    Args:
        data: `"demo"`, a folder of frames and palette masks, or a JSON list of videos.
        captions: see `palette_masks`.
        videos: see `video_list`.
        clips: the number of clips, from the first one on. None: all; the default of `demo_world` for the demo.

    Raises:
        ValueError: no such data set, or an option that it does not support.
    """
    path = Path(data)
    is_folder, is_list = data != "demo" and path.is_dir(), path.suffix.lower() == ".json"
    if captions is not None and not is_folder:
        raise ValueError(f"captions are for a folder of frames and masks, and {data} is none; omit them")
    if videos is not None and not is_list:
        raise ValueError(f"videos is the folder of the videos in a JSON list, and {data} is none; omit it")
    if data == "demo":
        return demo_world() if clips is None else demo_world(clips)
    if is_folder:
        return palette_masks(path, captions=captions).first(clips)
    if is_list:
        return video_list(path, videos=videos).first(clips)
    raise ValueError(f"{data} is no data set; give demo, a folder with JPEGImages and Annotations, or a .json list")
