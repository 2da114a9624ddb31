"""Regions of a long video: each is in one window, whose rows are carried to all windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from imap_fast.explaining.shot_windows import Window
from imap_fast.tracing.region_reader import Place, RegionReader
from imap_fast.tracing.regions import Region
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video.times import TOLERANCE


class Sizes(NamedTuple):
    """Sizes in which regions are found: height and width each.

    Attributes:
        own: of the frames of the video.
        seen: of what the model sees.
        grid: of a latent frame, in patches.
    """

    own: tuple[int, int]
    seen: tuple[int, int]
    grid: tuple[int, int]


class Found(NamedTuple):
    """The window of a region, and the place of its frame in it."""

    window: Window
    frame: int

    @property
    def number(self) -> int:
        """The number of the frame in the video."""
        return self.window.frames[self.frame].number


def carry_regions(
    reader: RegionReader,
    windows: Iterable[Window],
    sizes: Sizes,
    time: LatentTime,
    device: torch.device,
    pass_window: Callable[[Window], None],
) -> None:
    """Pass each window with a region once, and let the reader carry the rows of all regions from then on.

    Args:
        reader: of the regions.
        windows: of the video, from its beginning.
        sizes: of frames and patches.
        time: how latent frames relate to the frames of a window.
        device: of the model.
        pass_window: passes a window with all noises.

    Raises:
        ValueError: a region is outside of the video or of the picture.
    """
    found = find_windows(reader.regions, windows)
    height, width = sizes.grid
    patches = [region.patches(*sizes) for region in reader.regions]
    rows: list[dict[Place, Tensor]] = [{} for _ in reader.regions]
    for window in {id(each.window): each.window for each in found}.values():
        tokens = [[0] for _ in found]
        inside = [number for number, each in enumerate(found) if each.window is window]
        for number in inside:
            latents = -(-((len(window.frames) - 1) // time.temporal_compression + 1) // time.patch_size_t)
            latent = time.latent_frame_of(found[number].frame, latents, len(window.frames))
            tokens[number] = [latent * height * width + patch for patch in patches[number]]
        reader.carried, reader.read = None, {}
        reader.mark(tokens, device)
        pass_window(window)
        for number in inside:
            for place, of_all in reader.read.items():
                rows[number][place] = of_all[:, number :: len(found)]
    # Rows are ordered by map, then by region.
    reader.read = None
    reader.carried = {
        place: torch.stack([of_region[place] for of_region in rows], dim=2).flatten(1, 2) for place in rows[0]
    }


def find_windows(regions: Iterable[Region], windows: Iterable[Window]) -> list[Found]:
    """The first window that holds the frame of each region: the last one that passes the model until its time.

    Raises:
        ValueError: there is no such frame.
    """
    wanted, found = list(regions), dict[int, Found]()
    begin, end = None, 0.0
    for window in windows:
        seconds = [frame.seconds for frame in window.frames]
        begin = seconds[0] if begin is None else begin
        # The last frame is shown as long as the one before.
        end = 2 * seconds[-1] - seconds[-2] if len(seconds) > 1 else seconds[-1]
        for number, region in enumerate(wanted):
            until = [place for place, time in enumerate(seconds) if time <= region.seconds + TOLERANCE]
            if until and (number not in found or found[number].number < window.frames[until[-1]].number):
                found[number] = Found(window, until[-1])
        if all(region.seconds + TOLERANCE < seconds[-1] for region in wanted):
            break
    for number, region in enumerate(wanted):
        if number not in found or region.seconds > end + TOLERANCE:
            raise ValueError(
                f"the region {region.label!r} is at {region.seconds:g} s, outside of the video: it is read from "
                f"{begin or 0:g} s to {end:g} s"
            )
    return [found[number] for number in range(len(wanted))]
