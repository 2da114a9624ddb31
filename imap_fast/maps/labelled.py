"""Saliency maps by their labels: which map shows a label, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from imap_fast.maps.kinds import MOTION_MAP, THING_MAP
from imap_fast.maps.names import ALL_MAPS, REGION_MAPS, TEXT_ATTENTION
from imap_fast.maps.values import MapValues
from imap_fast.upsampling.interpolate import upsample_space, upsample_time

CONCEPTS, OF_AGREEMENT = -4, -1
"""The dimension of concepts in a map, and in an agreement."""


class LabelledMaps(MapValues):
    """The values of saliency maps, by map and by label.

    `map_of` says which map shows a label: without `motions` and regions, the `default` map.
    """

    @property
    def motions(self) -> tuple[str, ...]:
        """The labels that are motions. Empty if none was named as one."""
        return tuple(self.settings.get("motions") or ())

    @property
    def regions(self) -> tuple[str, ...]:
        """The names of the marked regions. Empty if there are none."""
        return tuple(self.settings.get("regions") or ())

    def map_of(self, label: str) -> str:
        """The name of the map that shows a label if none is named.

        With `motions`, `imap` of a motion and `gramcol` of any other concept. Without them, the `default` map. A label
        that it does not have, such as a region beside concepts, is shown by the first map of `ALL_MAPS` that has it.

        Raises:
            KeyError: an unknown label.
        """
        if label not in self.labels_of(self.default):
            for name in self._maps_with(label):
                return name
            known = ", ".join(map(repr, self.shown_labels))
            raise KeyError(f"no {'concept or region' if self.regions else 'concept'} {label!r}; there are {known}")
        if not self.motions:
            return self.default
        return MOTION_MAP if label in self.motions else THING_MAP

    def _maps_with(self, label: str) -> list[str]:
        """The names of the maps that have a label, in the order of `ALL_MAPS`."""
        return [name for name in ALL_MAPS if name in self.maps and label in self.labels_of(name)]

    @property
    def shown_labels(self) -> tuple[str, ...]:
        """The labels that a picture shows if none is named: those of the `default` map, then the regions."""
        return tuple(dict.fromkeys((*self.labels_of(self.default), *self.regions)))

    @property
    def imap(self) -> Tensor:
        """Mean contrast over the motion heads, fp32 `[C, F, H, W]` (docs/method.md, "Maps of a layer")."""
        return self._map("imap")

    @property
    def gramcol(self) -> Tensor:
        """Contrast summed over all heads, fp32 `[C, F, H, W]` (docs/method.md, "Maps of a layer")."""
        return self._map("gramcol")

    @property
    def cross_attention(self) -> Tensor:
        """Baseline: mean over heads of `q · κ`, fp32 `[C, F, H, W]`."""
        return self._map("cross_attention")

    @property
    def concept_attention(self) -> Tensor:
        """Baseline: ConceptAttention (arXiv 2502.04320), fp32 `[C, F, H, W]`."""
        return self._map("concept_attention")

    @property
    def text_attention(self) -> Tensor:
        """How much each concept attends to each concept, fp32 `[C, C]` of `baseline_labels` (docs/look-inside.md).

        Row c is the softmax of the row of c in joint attention, the mean over heads, layers and steps. What it lacks to
        1 goes to the video, the padding and other words of the prompt.

        Raises:
            AttributeError: it was not read.
        """
        if self.text_to_text is None:
            raise AttributeError(f"these maps hold no text_attention; trace with maps={(*self.maps, TEXT_ATTENTION)!r}")
        return self.text_to_text

    @property
    def agreement(self) -> Tensor | None:
        """How sure the map of each concept is, fp32 `[C]`: the correlation to expect with other repeats.

        It is that of the map that shows the concept, `map_of`. None if it is unknown, because there are no repeats
        (docs/method.md, "How sure a map is").
        """
        return self.select_agreement(None, None)

    @property
    def spread(self) -> Tensor:
        """The standard deviation over the repeats of the map of each concept, `map_of`, fp32 `[C, F, H, W]`.

        Raises:
            AttributeError: there are no repeats.
        """
        if self.spreads is None:
            raise AttributeError("these maps hold no spread, for there is no repeat; explain with noises=2 or more")
        return self._together(self.spreads, None, None, CONCEPTS)

    def _map(self, name: str) -> Tensor:
        if name not in self.maps:
            raise AttributeError(f"these maps hold no {name}; trace with maps={(*self.maps, name)!r}")
        return self.maps[name]

    def __getitem__(self, label: str) -> Tensor:
        """The map of one concept, `[F, H, W]` or `[V, F, H, W]`: the one that `map_of` names.

        Raises:
            KeyError: an unknown label.
        """
        return self._views(self.maps, [label], None, CONCEPTS)[0]

    def index(self, label: str, map: str | None = None) -> int:
        """The index of a label in the concept dimension of a map; None is that of the label, `map_of`.

        Raises:
            KeyError: an unknown label, or one that the map does not have.
        """
        name = map or self.map_of(label)
        labels = self.labels_of(name)
        if label in labels:
            return labels.index(label)
        if others := self._maps_with(label):
            raise KeyError(f"{label!r} has no {name}; it has {', '.join(others)}")
        known = ", ".join(repr(each) for each in labels)
        raise KeyError(f"no {'region' if name in REGION_MAPS else 'concept'} {label!r}; there are {known}")

    def upsample(self, num_frames: int, height: int, width: int, map: str | None = None) -> Tensor:
        """A map at the size of the video: bilinear in space, and in time linear between the times of latent frames.

        Args:
            num_frames: frames of the video.
            height: height of the video, in pixels.
            width: width of the video, in pixels.
            map: name of the map. None: that of each concept, `map_of`.

        Returns:
            fp32 `[C, num_frames, height, width]`, or `[V, C, …]`.

        Raises:
            AttributeError: the maps do not hold `map`.
            ValueError: a video of `num_frames` does not have these latent frames.
        """
        _, values = self.select(None, map)
        times = self.frame_times(num_frames)
        return upsample_space(upsample_time(values, times, num_frames, self.time.cuts), height, width)

    def select(self, concepts: Sequence[str] | None, map: str | None) -> tuple[tuple[str, ...], Tensor]:
        """The labels and the values `[C, F, H, W]` of some concepts; arguments and errors as in `overlay`.

        Raises:
            ValueError: `concepts` is empty.
        """
        labels = self._chosen(concepts, map)
        return labels, self._together(self.maps, None if concepts is None else labels, map, CONCEPTS)

    def views(self, concepts: Sequence[str] | None, map: str | None) -> tuple[tuple[str, ...], list[Tensor]]:
        """The same, but a list of `[F, H, W]` without any copy, for maps that are on disk.

        If neither concepts nor a map are named, they are those of `shown_labels`: regions are among them.
        """
        if concepts is None and map is None:
            concepts = self.shown_labels
        labels = self._chosen(concepts, map)
        return labels, self._views(self.maps, labels, map, CONCEPTS)

    def select_agreement(self, concepts: Sequence[str] | None, map: str | None) -> Tensor | None:
        """The agreement of the concepts that `select` gives, `[C]`. None if it is unknown."""
        if self.agreements is None or (map is not None and map not in self.agreements):
            return None
        labels = None if concepts is None else self._chosen(concepts, map)
        return self._together(self.agreements, labels, map, OF_AGREEMENT)

    def shown_maps(self, labels: Sequence[str], map: str | None) -> list[str] | None:
        """The name of the map of each label, where a picture says it: if there are several, and no map is named."""
        maps = [self.map_of(label) for label in labels] if map is None else []
        return maps if maps and (self.motions or len(set(maps)) > 1) else None

    def _chosen(self, concepts: Sequence[str] | None, map: str | None) -> tuple[str, ...]:
        """The labels of some concepts, each of which is there; see `select`."""
        name = map or self.default
        self._map(name)
        if concepts is None:
            return self.labels_of(name)
        concepts = (concepts,) if isinstance(concepts, str) else tuple(concepts)
        if not concepts:
            raise ValueError(f"no concept to show; name some of {', '.join(self.labels_of(name))}, or omit concepts")
        for label in concepts:
            self.index(label, map)
        return concepts

    def _refuse_several(self, method: str) -> None:
        if self._several:
            videos = self.maps[self.default].shape[0]
            raise ValueError(f"these maps are of {videos} videos; show one of them: maps.video(0).{method}(…)")

    def _views(
        self, by_map: Mapping[str, Tensor], labels: Sequence[str], map: str | None, dimension: int
    ) -> list[Tensor]:
        """What `by_map` holds of each label in its map, without a copy."""
        of_label = [(label, map or self.map_of(label)) for label in labels]
        return [by_map[name].select(dimension, self.index(label, name)) for label, name in of_label]

    def _together(
        self, by_map: Mapping[str, Tensor], labels: Sequence[str] | None, map: str | None, dimension: int
    ) -> Tensor:
        """The same in one tensor. Labels None: all, and then one map is as it is, without a copy."""
        if labels is None and (map is not None or not self.motions):
            return by_map[map or self.default]
        views = self._views(by_map, self.labels if labels is None else labels, map, dimension)
        return torch.stack(views, dimension)
