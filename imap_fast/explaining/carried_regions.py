"""Regions of a long video: each is in one window, whose rows are carried to all windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from imap_fast.explaining.read_frames import ReadFrame
from imap_fast.explaining.shot_windows import Window
from imap_fast.tracing.region_reader import Place, RegionReader
from imap_fast.tracing.regions import Region
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.video.times import TOLERANCE


class Found(NamedTuple):
    """The window of a region.

    Attributes:
        window: the first one that holds its frame.
        frame: the place of its frame in the window.
        first_latent: the first latent frame of the shot, among those of all shots.
    """

    window: Window
    frame: int
    first_latent: int

    @property
    def read(self) -> ReadFrame:
        """Its frame."""
        return self.window.frames[self.frame]


def carry_regions(
    reader: RegionReader,
    windows: Iterable[Window],
    seen: tuple[int, int],
    patch: Sequence[int],
    time: LatentTime,
    device: torch.device,
    pass_window: Callable[[Window], None],
) -> None:
    """Pass each window with a region once, and let the reader carry the rows of all regions from then on.

    Args:
        reader: of the regions.
        windows: of the video, from its beginning.
        seen: height and width of what the model sees.
        patch: height and width of a patch in it, in pixels.
        time: how latent frames relate to the frames of a window.
        device: of the model.
        pass_window: passes a window with all noises.

    Raises:
        ValueError: a region is outside of the video or of the picture.
    """
    found = find_windows(reader.regions, windows, time)
    height, width = grid = seen[0] // patch[0], seen[1] // patch[1]
    patches = [region.patches(each.read.size, seen, grid) for region, each in zip(reader.regions, found, strict=True)]
    rows: list[dict[Place, Tensor]] = [{} for _ in reader.regions]
    latent_frames = [0] * len(found)
    for window in {id(each.window): each.window for each in found}.values():
        tokens = [[0] for _ in found]
        inside = [number for number, each in enumerate(found) if each.window is window]
        for number in inside:
            length = len(window.frames)
            latent = time.latent_frame_of(found[number].frame, latents_in(window, time), length)
            latent_frames[number] = found[number].first_latent + window.begin + latent
            tokens[number] = [latent * height * width + patch for patch in patches[number]]
        collected = reader.collect()
        reader.mark(tokens, device)
        pass_window(window)
        for number in inside:
            for place, of_all in collected.items():
                rows[number][place] = of_all[:, number :: len(found)]
    # Rows are ordered by map, then by region.
    carried = {place: torch.stack([of_region[place] for of_region in rows], dim=2).flatten(1, 2) for place in rows[0]}
    reader.carry(carried, latent_frames)


def latents_in(window: Window, time: LatentTime) -> int:
    """The number of latent frames of the maps of a window."""
    return -(-((len(window.frames) - 1) // time.temporal_compression + 1) // time.patch_size_t)


def find_windows(regions: Iterable[Region], windows: Iterable[Window], time: LatentTime) -> list[Found]:
    """The first window that holds the frame of each region: the last one that passes the model until its time.

    Raises:
        ValueError: there is no such frame.
    """
    wanted, found = list(regions), dict[int, Found]()
    shot, first_latent, last_latent, end = None, 0, 0, 0.0
    for window in windows:
        if window.shot is not shot:
            shot, first_latent = window.shot, last_latent
        last_latent = first_latent + window.begin + latents_in(window, time)
        seconds = [frame.seconds for frame in window.frames]
        early = next((region for region in wanted if not found and region.seconds < seconds[0] - TOLERANCE), None)
        if early is not None:
            raise ValueError(
                f"the region {early.label!r} is at {early.seconds:g} s, before the first frame that is read, at "
                f"{seconds[0]:g} s"
            )
        # The last frame is shown as long as the one before. A frame may be repeated at the end of a shot.
        before = max((each for each in seconds if each < seconds[-1]), default=seconds[-1])
        end = 2 * seconds[-1] - before
        for number, region in enumerate(wanted):
            until = [place for place, when in enumerate(seconds) if when <= region.seconds + TOLERANCE]
            if until and (number not in found or found[number].read.number < window.frames[until[-1]].number):
                found[number] = Found(window, until[-1], first_latent)
        if all(region.seconds + TOLERANCE < seconds[-1] for region in wanted):
            break
    for region in wanted:
        if region.seconds > end + TOLERANCE:
            raise ValueError(
                f"the region {region.label!r} is at {region.seconds:g} s, after the last frame that is read, which is "
                f"shown until {end:g} s"
            )
    return [found[number] for number in range(len(wanted))]
