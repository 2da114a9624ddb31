"""Read and write clips."""

from imap_fast.video.clip import Clip
from imap_fast.video.file import VideoError, VideoFile
from imap_fast.video.read import read_clip
from imap_fast.video.resize import resize_and_crop

__all__ = ["Clip", "VideoError", "VideoFile", "read_clip", "resize_and_crop"]
