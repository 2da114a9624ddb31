"""The data sets that can be evaluated on, a file for each form in which they come."""

from pathlib import Path

from imap_fast.evaluate.datasets.demo_world import demo_world
from imap_fast.evaluate.datasets.palette_masks import palette_masks
from imap_fast.evaluate.datasets.video_list import video_list
from imap_fast.evaluate.example import DataSet

__all__ = ["demo_world", "open_dataset", "palette_masks", "video_list"]


def open_dataset(
    data: str, *, captions: Path | None = None, videos: Path | None = None, clips: int | None = None
) -> DataSet:
    """The data set behind a name on the command line.

    Args:
        data: `"demo"`, a folder of frames and palette masks, or a JSON list of videos.
        captions: see `palette_masks`.
        videos: see `video_list`.
        clips: how many at most, the first ones. None: all; of the demo world, which has no end, its usual number.

    Raises:
        ValueError: nothing that can be read, or an option that it does not take.
    """
    path = Path(data)
    is_folder, is_list = data != "demo" and path.is_dir(), path.suffix.lower() == ".json"
    if captions is not None and not is_folder:
        raise ValueError(f"captions are for a folder of frames and masks, and {data} is none; leave them out")
    if videos is not None and not is_list:
        raise ValueError(f"videos says where those of a JSON list are, and {data} is none; leave it out")
    if data == "demo":
        return demo_world() if clips is None else demo_world(clips)
    if is_folder:
        return palette_masks(path, captions=captions).first(clips)
    if is_list:
        return video_list(path, videos=videos).first(clips)
    raise ValueError(f"{data} is no data set; give demo, a folder with JPEGImages and Annotations, or a .json list")
