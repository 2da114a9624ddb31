from .clip import Clip as Clip
from .decode import VideoError as VideoError
from .decode import VideoFile as VideoFile
from .read import read_clip as read_clip
from .resize import resize_and_crop as resize_and_crop

__all__ = ["Clip", "VideoError", "VideoFile", "read_clip", "resize_and_crop"]
