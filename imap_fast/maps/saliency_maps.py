"""`SaliencyMaps`: the result of a run, with the files and pictures that it can make."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imap_fast.maps import run_folder, storage
from imap_fast.maps.names import REGION_MAPS
from imap_fast.maps.tracked import TrackedMaps
from imap_fast.text.part import said_of, titled
from imap_fast.text.words import is_background

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imap_fast.events.events import Events
    from imap_fast.masks.masks import Masks
    from imap_fast.masks.refinement import Refinement
    from imap_fast.render.overlay import Heatmaps
    from imap_fast.render.source_video import SourceVideo
    from imap_fast.report.mask_files import ReportMasks
    from imap_fast.video.clip import Clip
    from imap_fast.video.decode import VideoFile

# The methods import the pictures that they draw: matplotlib is slow to load.


class SaliencyMaps(TrackedMaps):
    """The saliency maps of a run. `MapValues` describes the tensors.

    Index it by a label to get the map of a concept: `maps["alpaca"]`. It is the map that `map_of` names.
    """

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one `.npz` or `.safetensors` file, atomically.

        Raises:
            ValueError: another suffix, or values that are not finite.
            OSError: the folder cannot be written.
        """
        self.check_finite()
        storage.save(path, self.record(), self.tensors())

    @classmethod
    def load(cls, path: str | os.PathLike) -> SaliencyMaps:
        """Read what `save` wrote, exactly. Or read the folder of `explain`, whose maps stay on disk.

        Everything is checked: values are finite, shapes and labels agree, and the settings are possible.

        Raises:
            OSError: the file does not exist, or it cannot be opened.
            ValueError: another suffix, a damaged file, a file that `save` did not write, or an unfinished run.
        """
        if (Path(path) / run_folder.STATE).exists():
            record, tensors = run_folder.load_run(Path(path))
        else:
            record, tensors = storage.load(path)
        with storage.damage_told(path):
            maps = cls.from_record(record, tensors)
            maps.check_finite()
        return maps

    def overlay(self, video: Any = None, concepts: Sequence[str] | None = None, map: str | None = None) -> Clip:
        """A clip with panels side by side: the video, and the video under the heatmap of each concept.

        A region also has its trail: where it was in the frames before.

        Args:
            video: a `Clip`, a list of PIL images, an array or tensor `[T, H, W, 3]` (uint8, or float in [0, 1]), or
                the file that the maps were read from. None: heatmaps alone, on a blank video.
            concepts: labels to show, also of regions. None: all.
            map: name of the map. None: that of each label, `map_of`, which is said beside it if there are several.

        Raises:
            AttributeError: `map` was not requested in the trace.
            KeyError: an unknown label.
            ValueError: maps of several videos, a video of another length, or another file than the one that was read.
        """
        from imap_fast.render.overlay import overlay

        return overlay(*self._picture("overlay", video, concepts, map))

    def save_overlay(
        self, path: str | os.PathLike, video: Any, concepts: Sequence[str] | None = None, map: str | None = None
    ) -> None:
        """Write `overlay` to an .mp4 frame by frame, so that memory does not grow with the length of the video.

        The frames of a file keep their times. Other arguments and errors are those of `overlay` and `Clip.save`.
        """
        from imap_fast.render.overlay import save_overlay

        save_overlay(path, *self._picture("save_overlay", video, concepts, map))

    def grid_figure(self, video: Any = None, concepts: Sequence[str] | None = None, map: str | None = None) -> Figure:
        """A figure like the paper's: frames across, concepts down, over the frames of the video if one is given.

        Below each label is how sure its map is. Arguments and errors are those of `overlay`. Save the figure with
        `.savefig("grid.png")`.
        """
        from imap_fast.render.grid import agreement_notes, grid_figure, latent_grid_figure

        labels, values = self._one_video("grid_figure").views(concepts, map)
        notes = agreement_notes(labels, self.select_agreement(labels, map), self._said(labels, map))
        if video is None:
            return latent_grid_figure(labels, values, notes)
        source = self.source_video(video)
        return grid_figure(source, labels, values, self.frame_times(source.num_frames), notes)

    def heads(self) -> Figure:
        """A figure of the separation score of each head in each layer, with the motion heads marked.

        Save the figure with `.savefig("heads.png")`.

        Raises:
            ValueError: maps of several videos.
        """
        from imap_fast.render.heads import heads_figure

        maps = self._one_video("heads")
        return heads_figure(maps.head_scores, maps.selected_heads, maps.layers, maps.head_score)

    def masks(
        self,
        video: Any = None,
        concepts: Sequence[str] | None = None,
        map: str | None = None,
        *,
        threshold: float | str = "otsu-twice",
        exclusive: bool = False,
        refine: str | Refinement = "none",
    ) -> Masks:
        """Where each concept is, as masks at the size of the video (docs/masks-and-events.md).

        A patch is in the mask of a concept if its value is above a threshold on the concept's own scale over the clip.
        What is connected in space and time is a region: it is dropped if it is small, or nowhere hot. Nothing outside
        of what the model saw is in a mask.

        Args:
            video: as in `overlay`. None: masks at the size that the model saw.
            concepts: labels to segment. None: all but the background, and no motions if masks exclude each other.
            map: name of the map. None: that of each concept, `map_of`.
            threshold: `"otsu"` splits the patches of the clip in two, with the largest variance between the parts.
                `"otsu-twice"` splits the upper part once more, unless its values are close together: it often holds the
                object and what is near it. `"90%"`: the hottest tenth of all patches. A number from 0, cold, to 1, hot:
                on the scale that heatmaps have.
            exclusive: whether each pixel goes to the concept that is highest above its threshold. The background is one
                of them if the maps have it. False: masks may overlap.
            refine: how masks become as sharp as the picture, although a patch is many pixels wide. `"none"`: bilinear
                between patches. `"guided"`: the guided filter, which follows the edges of each frame. `"crf"`: a dense
                conditional random field. `"sam2"`: SAM 2, which is shown each concept where it is hottest;
                `imap_fast.masks.Sam2` chooses another of its models.

        Raises:
            AttributeError, KeyError, ValueError: as in `overlay`, an impossible threshold, values that are not finite,
                no concept to segment, or a refinement without a video or whose package is not installed.
        """
        from imap_fast.masks.refinement import refinement_of
        from imap_fast.masks.segment import Segmenter
        from imap_fast.masks.threshold import check_threshold

        threshold = check_threshold(threshold)
        source = self._one_video("masks").source_video(video)
        labels, values = self.views(self._segmented(concepts, map, exclusive), map)
        if not all(concept.isfinite().all() for concept in values):
            raise ValueError("a map has values that are not finite; run the model in another dtype")
        prompt = self.settings.get("prompt")
        caption = prompt if isinstance(prompt, str) else ""
        segmenter = Segmenter(
            source,
            self._seen(*source.own_size),
            labels,
            values,
            self.frame_times(source.num_frames),
            self.time.latents_of_shots(self.grid[0]),
            caption,
        )
        return segmenter.masks(threshold, refinement_of(refine), exclusive=exclusive)

    def timeline(
        self, num_frames: int | None = None, concepts: Sequence[str] | None = None, map: str | None = None
    ) -> Figure:
        """A figure of the saliency of each concept over time, with bars where it is active.

        The saliency of a frame is the mean heat of the hottest twentieth of its patches. The bars are `events`.

        Args:
            num_frames: the frames of the video. None: the largest number that these latent frames can cover.
            concepts: as in `overlay`, like `map` and the errors.
            map: name of the map.
        """
        from imap_fast.render.timeline import timeline_figure

        labels, values = self._one_video("timeline").views(concepts, map)
        num_frames = num_frames or self.time.longest_video(self.grid[0])
        events = self.events(labels, map, num_frames=num_frames)
        spans = [events.frames_of(label) for label in labels]
        titles = titled(labels, self._said(labels, map))
        return timeline_figure(titles, values, self.frame_times(num_frames), num_frames, self.time.cuts, spans)

    def events(
        self,
        concepts: Sequence[str] | None = None,
        map: str | None = None,
        *,
        num_frames: int | None = None,
        fps: float | None = None,
    ) -> Events:
        """When concepts are active: the intervals in which their curve in `timeline` is on the higher of two levels.

        If one level explains the curve of a concept as well as two, the concept is steady, and has no interval
        (docs/masks-and-events.md, "When").

        Args:
            concepts: labels. None: the motions, or if none was named as one, all but the background.
            map: name of the map. None: that of each concept, `map_of`.
            num_frames: the frames of a generated video. None: the largest number that these latent frames can cover.
            fps: its frames per second. None: its events have frames and no seconds. A video that was read has its own.

        Raises:
            AttributeError: the maps do not hold `map`.
            KeyError: an unknown label.
            ValueError: maps of several videos, a video of another length, `fps` that is none, or of a video that was
                read, or values that are not finite.
        """
        from imap_fast.events.clock import clock_of
        from imap_fast.events.detect import curves_over_time, detect

        maps = self._one_video("events")
        if concepts is None:
            things = [label for label in self.labels_of(map or self.default) if not is_background(label)]
            motions = [label for label in self.motions if label in self.labels_of(map or self.default)]
            concepts = motions or things or None
        labels, values = maps.views(concepts, map)
        if num_frames is None:
            num_frames = self._read.get("num_frames") or self.time.longest_video(self.grid[0])
        curves = dict(zip(labels, curves_over_time(values), strict=True))
        of = dict(zip(labels, [map or self.map_of(label) for label in labels], strict=True))
        return detect(curves, of, self.time, num_frames, clock_of(self.time, self.seconds, self._read, fps))

    def report(self, path: str | os.PathLike, video: Any = None, run: Mapping[str, Any] | None = None) -> None:
        """Write one HTML page that needs no network: the video under its maps, timelines, heads and settings.

        Args:
            path: the page, ending in .html.
            video: the video that the maps were read from: a file, or as in `overlay`.
            run: further facts about the run that the page shows, such as those of `run.json`.

        Raises:
            ValueError: another suffix, maps of several videos, a video of another length, or a file that is no video or
                not the one that was read.
            OSError: the video does not exist, or the folder cannot be written.
        """
        from imap_fast.maps.report_data import report_data
        from imap_fast.report.html import write_report
        from imap_fast.video.clip import Clip

        maps = self._one_video("report")
        opened = maps._blank_clip() if video is None else maps._opened(video)
        data = report_data(maps, run or {}, maps._report_masks(video, opened))
        write_report(path, data, maps._seen_part(opened) if isinstance(opened, Clip) else opened)

    def _report_masks(self, video: Any, opened: Clip | VideoFile) -> ReportMasks | None:
        """The masks that the page has as files. None: the video is long, or there is only background to cut out."""
        from imap_fast.report.mask_files import MOST_FRAMES, ReportMasks
        from imap_fast.video.decode import VideoFile
        from imap_fast.video.read import read_clip

        if all(is_background(label) for label in self.labels_of(self.default)):
            return None
        num_frames = self._read.get("num_frames") or self.time.longest_video(self.grid[0])
        if num_frames > MOST_FRAMES:
            return None
        if isinstance(opened, VideoFile) and not self._read:  # a generated video, which a model made at once
            video = read_clip(opened.path)
        return ReportMasks(self.masks(video), self.masks(video, exclusive=True))

    def _repr_html_(self) -> str:
        """A small player and the grid, for notebooks."""
        from imap_fast.report.notebook import SHOWN, notebook_html

        first = self.video(0)
        concepts = first.shown_labels[:SHOWN]
        overlay, grid = first.overlay(concepts=concepts), first.grid_figure(concepts=concepts)
        name = first.default if first.shown_maps(concepts, None) is None else "the map"
        return notebook_html(repr(self), name, overlay, grid)

    def _segmented(self, concepts: Sequence[str] | None, map: str | None, exclusive: bool) -> list[str]:
        """The labels whose maps make masks: the background is one of them if it is named, or competes for pixels."""
        labels = self.labels_of(map or self.default)
        background = [label for label in labels if is_background(label)]
        if concepts is None:
            # A motion is where a thing is, and would take its pixels.
            others = self.motions if exclusive and len(labels) > len(background) + len(self.motions) else ()
            chosen = [label for label in labels if label not in (*background, *others)]
        else:
            chosen = [concepts] if isinstance(concepts, str) else list(dict.fromkeys(concepts))
        return chosen + [label for label in background if exclusive and label not in chosen]

    def _picture(
        self, method: str, video: Any, concepts: Sequence[str] | None, map: str | None
    ) -> tuple[SourceVideo, Heatmaps]:
        """What an overlay shows."""
        from imap_fast.render.overlay import Heatmaps

        source = self._one_video(method).source_video(video)
        labels, values = self.views(concepts, map)
        trails = [
            self.trail(label, of, source.num_frames) if (map or self.map_of(label)) in REGION_MAPS else None
            for label, of in zip(labels, values, strict=True)
        ]
        times = self.frame_times(source.num_frames)
        return source, Heatmaps(labels, self._said(labels, map), values, times, trails)

    def _said(self, labels: Sequence[str], map: str | None) -> list[str]:
        return said_of(labels, self.shown_maps(labels, map), self.settings)

    def _one_video(self, method: str) -> SaliencyMaps:
        self._refuse_several(method)
        return self
