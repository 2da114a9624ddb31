"""What the page of two runs shows, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from imap_fast.report.data import ReportData
from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile


@dataclass(frozen=True, eq=False)
class ComparedRun:
    """One of two runs.

    Attributes:
        name: of the run.
        data: its maps, and how they were made.
        rows: of the video that its model saw, in pixels.
        columns: the same.
    """

    name: str
    data: ReportData
    rows: slice
    columns: slice

    def values(self, label: str, map: str) -> Tensor:
        """The values of a label in a map, fp32 `[F, H, W]`."""
        labels, values = self.data.maps[map]
        return values[labels.index(label)]

    def agreement(self, label: str, map: str) -> float | None:
        """How sure that map of the label is. None: it is unknown."""
        agreements = self.data.agreements
        return None if agreements is None else agreements[map][self.data.maps[map][0].index(label)].item()


@dataclass(frozen=True, eq=False)
class ComparisonData:
    """Two runs on one video.

    Attributes:
        runs: the two of them.
        numbers: how the maps of each label compare, by label: `map`, `correlation`, `iou` and `temporal_iou`.
        left_out: the labels that only one of them has.
        settings: what differs between their settings, by name.
        threshold: of the masks.
        video: that both are of.
        num_frames: of the video.
        own_size: height and width of its frames, in pixels.
        shown_size: those on the page.
    """

    runs: Sequence[ComparedRun]
    numbers: Mapping[str, Mapping[str, Any]]
    left_out: Sequence[Sequence[str]]
    settings: Mapping[str, tuple[Any, Any]]
    threshold: float | str
    video: Clip | VideoFile
    num_frames: int
    own_size: tuple[int, int]
    shown_size: tuple[int, int]

    @property
    def maps(self) -> dict[str, str]:
        """The name of the map of each label."""
        return {label: numbers["map"] for label, numbers in self.numbers.items()}
