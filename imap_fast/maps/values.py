"""The values of saliency maps: tensors, labels, and how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from imap_fast.maps.checks import (
    check_frame_times,
    check_inside,
    check_repeats,
    check_single_heads,
    check_tensor,
    check_text_attention,
    check_times,
)
from imap_fast.maps.names import (
    AGREEMENT,
    ALL_MAPS,
    CONTRASTED,
    KEPT,
    REGION_MAPS,
    SINGLE_HEADS,
    SPREAD,
    TEXT_ATTENTION,
    TIMES,
)
from imap_fast.maps.schema import MOST_HEADS, check_record, one_line
from imap_fast.maps.shots import Shot, shots_of
from imap_fast.text.part import part_name
from imap_fast.upsampling.latent_time import LatentTime

Self = TypeVar("Self", bound="MapValues")

MOST_PATCHES = 512
"""The largest number of patches on a side: those of 8K."""

MOST_PATCH_PIXELS = 128
"""The largest side of a patch. Few patches cannot claim a large video, which would take long to draw."""

PART = 2**22
"""The number of values that are checked at once."""


def _parts(values: Tensor) -> tuple[Tensor, ...]:
    """The parts of a map that are checked one after the other."""
    return values.split(max(1, PART // values.select(-3, 0).numel()), dim=-3)


@dataclass(frozen=True, eq=False, repr=False)
class MapValues:
    """Saliency maps of C concepts on F latent frames of H × W patches.

    If V videos were read, every shape has a leading dimension V.

    Args:
        maps: by name (`ALL_MAPS`), fp32 on the CPU, `[C, F, H, W]` or `[V, C, F, H, W]`.
        labels: the C concepts, or the tokens of the prompt.
        layers: the L transformer layers that were read.
        steps: the denoising steps that were read, as indices into the schedule.
        head_scores: separation score of each head (docs/method.md, "Motion heads"), fp32 `[L, A]` or `[V, L, A]`.
        selected_heads: the motion heads, best first, int64 `[L, k]` or `[V, L, k]`.
        settings: how the maps were made, as JSON values.
        baseline_labels: labels of `cross_attention` and `concept_attention`, if they follow other concepts than
            `labels` (`match="prompt"` with a tensor of concepts). None: `labels`.
        seconds: the time of each latent frame of a real video, fp64 `[F]`, from the first frame on: the mean over the
            frames that it covers, by the timestamps of the file. None for generated videos.
        frame_numbers: the mean number of the video frames in each latent frame, fp64 `[F]`. None: all passed the model.
        agreements: how sure each map is (docs/method.md, "How sure a map is"), by its name, fp32 `[C]` or `[V, C]` in
            [0, 1]. None if there are no repeats of the maps. `settings["repeats"]` says what and how many they are.
        spreads: the standard deviation of each map over the repeats, by its name, in the shape of the map. None if
            there are no repeats.
        kept: the maps of single layers and steps, by name, fp32 `[L, S, C, F, H, W]`. An axis that `settings["keep"]`
            does not name has size 1, and is a mean. None if nothing is kept.
        text_to_text: how much each of the `baseline_labels` attends to each of them, fp32 `[C, C]`, in [0, 1]; see
            `text_attention`. None if it was not read.
        single_heads: the contrast of the P heads in `settings["heads"]`, fp32 `[P, C, F, H, W]`. None if there are
            none.

    Raises:
        TypeError: a tensor has another dtype or is not on the CPU, or `settings` is not JSON-serializable.
        ValueError: an unknown map, shapes that do not agree, heads that do not exist, or labels or settings outside of
            `imap_fast.maps.schema`.
    """

    maps: dict[str, Tensor]
    labels: tuple[str, ...]
    layers: tuple[int, ...]
    steps: tuple[int, ...]
    head_scores: Tensor
    selected_heads: Tensor
    settings: dict[str, Any]
    baseline_labels: tuple[str, ...] | None = None
    seconds: Tensor | None = None
    frame_numbers: Tensor | None = None
    agreements: dict[str, Tensor] | None = None
    spreads: dict[str, Tensor] | None = None
    kept: dict[str, Tensor] | None = None
    single_heads: Tensor | None = None
    text_to_text: Tensor | None = None

    def __post_init__(self) -> None:
        if self.baseline_labels is None:
            object.__setattr__(self, "baseline_labels", self.labels)
        # The round trip through JSON makes settings compare equal after save and load.
        object.__setattr__(self, "settings", json.loads(json.dumps(self.settings, allow_nan=False)))
        check_record(self.record())
        self._check_maps()
        self._check_heads()
        check_repeats(self.maps, self.agreements, self.spreads)
        keep, heads = self.settings.get("keep"), self.settings.get("heads") or ()
        check_single_heads(heads, self.head_scores.shape[-1])
        axes = len(self.layers) if "layers" in (keep or ()) else 1, len(self.steps) if "steps" in (keep or ()) else 1
        check_text_attention(self.text_to_text, bool(self.settings.get("text_attention")), self._shape_of_text)
        check_inside(self.maps, self.kept, self.single_heads, axes if keep else None, len(heads), len(self.labels))
        self._check_time()
        self._check_video()
        self._check_regions()

    def _check_maps(self) -> None:
        shape = next(iter(self.maps.values())).shape
        for name, values in self.maps.items():
            check_tensor(name, values, torch.float32)
            if values.ndim not in (4, 5) or (values.shape[:-4], values.shape[-3:]) != (shape[:-4], shape[-3:]):
                raise ValueError(f"maps must all be [C, F, H, W] or [V, C, F, H, W]: {name} is {list(values.shape)}")
            if 0 in values.shape or max(values.shape[-2:]) > MOST_PATCHES:
                raise ValueError(f"a map has 1 to {MOST_PATCHES} patches a side: {name} is {list(values.shape)}")
            labels = self.labels_of(name)
            if len(set(labels)) != len(labels) or len(labels) != values.shape[-4]:
                given = one_line(str(list(labels)))
                raise ValueError(f"{name} needs {values.shape[-4]} different labels, not {given}")

    def _check_heads(self) -> None:
        check_tensor("head_scores", self.head_scores, torch.float32)
        check_tensor("selected_heads", self.selected_heads, torch.int64)
        rows = *self.maps[self.default].shape[:-4], len(self.layers)
        for name in ("head_scores", "selected_heads"):
            shape = getattr(self, name).shape
            if shape[:-1] != rows:
                raise ValueError(f"{name} {list(shape)} must have a row for each of {len(self.layers)} layers")
        heads, count = self.head_scores.shape[-1], self.selected_heads.shape[-1]
        if not 1 <= count <= heads <= MOST_HEADS:
            raise ValueError(f"{count} selected heads of {heads} are not possible; a layer has 1 to {MOST_HEADS} heads")
        ascending = self.selected_heads.sort(-1).values
        if ascending[..., 0].min() < 0 or ascending[..., -1].max() >= heads or (ascending.diff(dim=-1) == 0).any():
            raise ValueError(f"selected_heads must be different heads in each layer, from 0 to {heads - 1}")

    def _check_time(self) -> None:
        for name in TIMES:
            if (times := getattr(self, name)) is not None:
                check_times(name, times, self.grid[0])
        if (self.frame_numbers is None) != (self._read.get("passed_fps") is None):
            raise ValueError("one of frame_numbers and settings.video.passed_fps is missing")

    def _check_video(self) -> None:
        read = self._read
        if not read:
            return
        try:
            check_frame_times(self.frame_times(read["num_frames"]), self.time, read)
        except ValueError as error:
            raise ValueError(f"settings.video.num_frames does not fit the maps: {error}") from error
        for name, patches in zip(("height", "width"), self.grid[1:], strict=True):
            if not patches <= read[name] <= patches * MOST_PATCH_PIXELS:
                raise ValueError(
                    f"settings.video.{name} does not fit the maps: {read[name]} pixels are not {patches} patches of "
                    f"1 to {MOST_PATCH_PIXELS}"
                )

    def _check_regions(self) -> None:
        for label, region in (self.settings.get("regions") or {}).items():
            if (latent := region.get("latent_frame")) is not None and latent >= self.grid[0]:
                raise ValueError(
                    f"the region {one_line(label)} is in latent frame {latent}, and the maps have {self.grid[0]}"
                )

    def check_finite(self) -> None:
        """Raise a ValueError, which names the first one, if a map or the head scores are NaN or infinite anywhere.

        A spread must not be negative, either. Maps may be on disk: a part at a time is in memory.
        """
        for name, values in self.maps.items():
            if not all(part.isfinite().all() for part in _parts(values)):
                raise ValueError(f"the map {name} has values that are not finite; run the model in another dtype")
        for name, values in (self.spreads or {}).items():
            if not all((part.isfinite() & (part >= 0)).all() for part in _parts(values)):
                raise ValueError(f"{SPREAD}{name} has values that are negative or not finite; make the maps again")
        inside = {f"{KEPT}{name}": values for name, values in (self.kept or {}).items()}
        inside |= {} if self.single_heads is None else {SINGLE_HEADS: self.single_heads}
        for name, values in inside.items():
            if not all(part.isfinite().all() for part in _parts(values)):
                raise ValueError(f"{name} has values that are not finite; run the model in another dtype")
        if self.text_to_text is not None and not ((self.text_to_text >= 0) & (self.text_to_text <= 1.001)).all():
            raise ValueError(f"{TEXT_ATTENTION} has values outside of 0 to 1; run the model in another dtype")
        if not self.head_scores.isfinite().all():
            raise ValueError("head_scores has values that are not finite; run the model in another dtype")

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.maps[self.default].shape[:-4] + self.grid))
        of_part = f" of {part}" if (part := part_name(self.settings)) else ""
        labels = ", ".join(map(repr, self.labels))
        return f"{type(self).__name__}({', '.join(self.maps)}{of_part}: {size}, of {labels})"

    @property
    def default(self) -> str:
        """The map that is used if none is named and there are no motions: the first one of `ALL_MAPS` that exists."""
        return next(name for name in ALL_MAPS if name in self.maps)

    @property
    def grid(self) -> tuple[int, int, int]:
        """`(F, H, W)`: latent frames and patches of a map."""
        frames, height, width = self.maps[self.default].shape[-3:]
        return frames, height, width

    @property
    def head_score(self) -> str:
        """The name of the separation score, as in `imap_fast.trace`."""
        return self.settings.get("head_score", "chi")

    def labels_of(self, map: str) -> tuple[str, ...]:
        """The labels of one map: `labels`, `baseline_labels` of a baseline, or the names of the regions."""
        if map in REGION_MAPS:
            return tuple(self.settings.get("regions") or ())
        return self.labels if map in CONTRASTED else self.baseline_labels or self.labels

    def video(self: Self, index: int) -> Self:
        """The maps of one video, if several were read (`[V, …]`).

        Raises:
            IndexError: there is no video `index`.
        """
        videos = self.maps[self.default].shape[0] if self._several else 1
        if not -videos <= index < videos:
            raise IndexError(f"no video {index}: these maps are of {videos}, counted from 0")
        if not self._several:
            return self

        def of_video(by_name: dict[str, Tensor] | None) -> Any:
            return None if by_name is None else {name: values[index] for name, values in by_name.items()}

        return replace(
            self,
            maps=of_video(self.maps),
            head_scores=self.head_scores[index],
            selected_heads=self.selected_heads[index],
            agreements=of_video(self.agreements),
            spreads=of_video(self.spreads),
            kept=of_video(self.kept),
            single_heads=None if self.single_heads is None else self.single_heads[index],
            text_to_text=None if self.text_to_text is None else self.text_to_text[index],
        )

    @property
    def _shape_of_text(self) -> tuple[int, ...]:
        """`[C, C]`, or `[V, C, C]`."""
        concepts = len(self.baseline_labels or ())
        return (*self.maps[self.default].shape[:-4], concepts, concepts)

    @property
    def _several(self) -> bool:
        return self.maps[self.default].ndim == 5

    @property
    def time(self) -> LatentTime:
        """How latent frames relate to video frames."""
        numbers = None if self.frame_numbers is None else tuple(self.frame_numbers.tolist())
        return LatentTime(
            self.settings.get("temporal_compression") or 4,
            self.settings.get("patch_size_t") or 1,
            self.settings.get("rest_in_first_latent") or False,
            tuple((shot["first_frame"], shot["num_frames"]) for shot in self._read.get("shots") or ()),
            numbers,
            self._read.get("num_frames"),
        )

    @property
    def shots(self) -> tuple[Shot, ...]:
        """The shots of the video, in order. A video that was not cut is one."""
        seconds = [shot["seconds"] for shot in self._read.get("shots") or ()]
        num_frames = self._read.get("num_frames") or self.time.longest_video(self.grid[0])
        return shots_of(self.time, seconds, self.grid[0], num_frames)

    @property
    def _read(self) -> dict[str, Any]:
        """What `explain` read; empty for a generated video."""
        return self.settings.get("video") or {}

    def frame_times(self, num_frames: int) -> Tensor:
        """The time of each latent frame in a video of `num_frames`, in video frames, fp64 `[F]`.

        Raises:
            ValueError: a video of `num_frames` does not have these latent frames.
        """
        return self.time.frame_times(self.grid[0], num_frames)

    def record(self) -> dict[str, Any]:
        """Everything except the tensors, as JSON values; see `imap_fast.maps.schema.Record`."""
        return {
            "maps": list(self.maps),
            "labels": list(self.labels),
            "baseline_labels": list(self.baseline_labels or ()),
            "layers": list(self.layers),
            "steps": list(self.steps),
            "settings": self.settings,
        }

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by the names that `from_record` knows."""
        named = {f"map.{name}": values for name, values in self.maps.items()}
        named |= {"head_scores": self.head_scores, "selected_heads": self.selected_heads}
        for prefix, by_name in ((AGREEMENT, self.agreements), (SPREAD, self.spreads), (KEPT, self.kept)):
            named |= {f"{prefix}{name}": values for name, values in (by_name or {}).items()}
        for name, values in ((SINGLE_HEADS, self.single_heads), (TEXT_ATTENTION, self.text_to_text)):
            named |= {} if values is None else {name: values}
        return named | {name: values for name in TIMES if (values := getattr(self, name)) is not None}

    @classmethod
    def from_record(cls: type[Self], record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """The maps of a `record` and its tensors: `map.<name>`, `head_scores` and `selected_heads`.

        Optional ones are `TIMES`, `single_heads`, `text_attention`, and of each map `agreement.<name>`, `spread.<name>`
        and `kept.<name>`.

        Raises:
            TypeError, ValueError: an entry or a tensor is missing, a tensor is not named, or as in the constructor.
        """
        check_record(record)
        names = {f"map.{name}" for name in record["maps"]} | {"head_scores", "selected_heads"}
        if missing := names - tensors.keys():
            raise ValueError(f"{', '.join(sorted(missing))} is missing")
        optional = {f"{prefix}{name}" for prefix in (AGREEMENT, SPREAD, KEPT) for name in record["maps"]}
        if unknown := tensors.keys() - names - optional - {*TIMES, SINGLE_HEADS, TEXT_ATTENTION}:
            raise ValueError(one_line(f"{', '.join(sorted(unknown))} belongs to no map"))

        def after(prefix: str) -> dict[str, Tensor] | None:
            return {name: tensors[prefix + name] for name in record["maps"] if prefix + name in tensors} or None

        return cls(
            maps={name: tensors[f"map.{name}"] for name in record["maps"]},
            labels=tuple(record["labels"]),
            baseline_labels=tuple(record["baseline_labels"]),
            layers=tuple(record["layers"]),
            steps=tuple(record["steps"]),
            head_scores=tensors["head_scores"],
            selected_heads=tensors["selected_heads"],
            settings=record["settings"],
            **{name: tensors.get(name) for name in TIMES},
            agreements=after(AGREEMENT),
            spreads=after(SPREAD),
            kept=after(KEPT),
            single_heads=tensors.get(SINGLE_HEADS),
            text_to_text=tensors.get(TEXT_ATTENTION),
        )
