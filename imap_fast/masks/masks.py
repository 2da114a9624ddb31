"""`Masks`: where each concept is in each frame of a video."""

from __future__ import annotations

import os

from imap_fast.masks.formats import npz, saving
from imap_fast.masks.values import MaskFrame, MaskValues

__all__ = ["MaskFrame", "Masks"]


class Masks(MaskValues):
    """Masks of C concepts at the size of the video, and their files; see `MaskValues`."""

    def save(self, path: str | os.PathLike, format: str = "npz", *, name: str = "video") -> None:
        """Write the masks for other tools (docs/masks-and-events.md). The whole is there at the end, or nothing.

        Args:
            path: of a new folder. For `"npz"`, of one file, which is replaced.
            format: a name of `imap_fast.masks.formats.FORMATS`.
            name: of the clip in the folder.

        Raises:
            ValueError: an unknown format, one that these masks do not fit or whose package is not installed, or a video
                that ends before its last frame.
            FileExistsError: the folder exists.
            OSError: it cannot be written.
        """
        if format == "npz":
            npz.save(path, self)
        else:
            saving.save_clips({name: self}, path, format)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Masks:
        """The masks in an `.npz`. The whole file is checked now, and each frame is read when it is needed.

        Raises:
            OSError: the file does not exist, or it cannot be opened.
            ValueError: a damaged file, or one that holds no masks.
        """
        return cls(**vars(npz.load(path)))
