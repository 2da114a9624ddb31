"""Reads regions from the layers of a trace: the mean features of their tokens, which maps are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from imap_fast.maps.names import REGION_MAPS, UNIT_LENGTH, WITHIN_FEATURES
from imap_fast.models.read_layer import ReadLayer
from imap_fast.tracing.regions import Region
from imap_kernels import head_similarity, region_rows

Place = tuple[int, int, int, str]
"""Where rows are read: the noise, the position of the step and of the layer among those read, and the kind of rows."""


class RegionReader:
    """The rows of R regions in each layer: the means over their tokens of o, or of q.

    In a long video, a region is in one window. Its rows are read there first, and carried to all windows.

    Args:
        regions: what is marked.
        maps: those of `imap_fast.maps.names.REGION_MAPS` that are made.
        backend: of the kernels.

    Attributes:
        names: the maps of each kind of rows, "features" (o) and "queries" (q), in the order of the rows.
        noises: of each video that is read, which noise it has. Rows that are carried are those of the same noise.
        latent_frames: in which each region is. Empty: that is not known.
    """

    def __init__(self, regions: Sequence[Region], maps: Sequence[str], backend: str) -> None:
        self.regions, self.backend = tuple(regions), backend
        made = [name for name in REGION_MAPS if name in maps]
        self.names = {
            "features": tuple(name for name in made if name in WITHIN_FEATURES),
            "queries": tuple(name for name in made if name not in WITHIN_FEATURES),
        }
        self.noises: Sequence[int] = ()
        self.latent_frames: Sequence[int] = ()
        self._carried: Mapping[Place, Tensor] | None = None
        self._collected: dict[Place, Tensor] | None = None
        self._step = 0
        self._tokens: dict[str, tuple[Tensor, Tensor]] = {}
        self._unit_length: dict[str, Tensor] = {}
        self._ones: dict[str, Tensor] = {}

    def identity(self) -> dict[str, Any]:
        """The regions by name, as JSON values, before anything is read."""
        return {region.label: region.record() for region in self.regions}

    def record(self) -> dict[str, Any]:
        """The same, with the latent frames in which they are, if those are known."""
        latents: Sequence[int | None] = self.latent_frames or [None] * len(self.regions)
        return {
            region.label: region.record() | ({} if latent is None else {"latent_frame": latent})
            for region, latent in zip(self.regions, latents, strict=True)
        }

    def mark(self, tokens: Sequence[Sequence[int]], device: torch.device) -> None:
        """Say which visual tokens each region is.

        Args:
            tokens: of each region, at least one.
            device: of the model.
        """
        for kind, names in self.names.items():
            if names:
                flat = [token for _ in names for region in tokens for token in region]
                ends = list(accumulate((len(region) for _ in names for region in tokens), initial=0))
                units = [name in UNIT_LENGTH for name in names for _ in self.regions]
                made = (flat, torch.int64), (ends, torch.int64), (units, torch.int32), ([1] * len(units), torch.float32)
                tensors = [on_device(torch.tensor(values, dtype=dtype, device="cpu"), device) for values, dtype in made]
                self._tokens[kind] = tensors[0], tensors[1]
                self._unit_length[kind], self._ones[kind] = tensors[2:]

    def begin_pass(self, step: int) -> None:
        """Prepare for a forward pass of the step at this position among those read."""
        self._step = step

    def collect(self) -> Mapping[Place, Tensor]:
        """Read rows anew, and return where they will be, the rows of all regions `[A, M · R, d]` of M maps."""
        self._carried, self._collected = None, {}
        return self._collected

    def carry(self, rows: Mapping[Place, Tensor], latent_frames: Sequence[int]) -> None:
        """Take these rows from now on, of regions in these latent frames, in place of those of the marked tokens."""
        self._carried, self._collected, self.latent_frames = rows, None, latent_frames

    def rows(self, kind: str, position: int, video: int, tokens: Tensor) -> Tensor:
        """The rows of one layer of one video, `[A, M · R, d]` of M maps of a kind.

        Args:
            kind: one of `names`.
            position: of the layer among those read.
            video: index of the video.
            tokens: o or q of the visual tokens, `[A, N, d]`.
        """
        place = (self.noises[video] if self.noises else 0), self._step, position, kind
        if self._carried is not None:
            return self._carried[place]
        flat, ends = self._tokens[kind]
        rows = region_rows(tokens, flat, ends, unit_length=self._unit_length[kind], backend=self.backend)
        if self._collected is not None:
            self._collected[place] = rows
        return rows

    def within(self, position: int, read: ReadLayer, out: Tensor, note: Tensor, fuses: bool) -> dict[str, Tensor]:
        """Arguments with which `gram_column` adds the maps of o in its own pass over o.

        Args:
            position: of the layer among those read.
            read: the layer.
            out: the running maps of all names, fp32 `[M, R, N]`.
            note: receives whether values are finite.
            fuses: whether there is such a pass. If not, the maps are added here, and there are no arguments.
        """
        if not (names := self.names["features"]):
            return {}
        rows = self.rows("features", position, read.video, read.features)
        of_names = out[: len(names)].flatten(0, 1)
        if fuses:
            return {"region_rows": rows, "unit_length": self._unit_length["features"], "region_out": of_names}
        self._add("features", rows, read.features, of_names, note)
        return {}

    def between(self, position: int, read: ReadLayer, out: Tensor, note: Tensor) -> None:
        """Add the maps of queries and keys. Arguments are those of `within`.

        Raises:
            RuntimeError: the visual tokens have no keys in the attention that is read.
        """
        if not (names := self.names["queries"]):
            return
        if read.visual_key is None:
            raise RuntimeError("visual tokens do not attend to each other in the attention that is read")
        rows = self.rows("queries", position, read.video, read.query)
        self._add("queries", rows, read.visual_key, out[-len(names) :].flatten(0, 1), note)

    def _add(self, kind: str, rows: Tensor, tokens: Tensor, out: Tensor, note: Tensor) -> None:
        head_similarity(
            rows,
            tokens,
            multiplicity=self._ones[kind],
            unit_length=self._unit_length[kind],
            out=out,
            scale=1.0,
            not_finite=note,
            backend=self.backend,
        )


def on_device(values: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on `device`. The host does not wait for the copy."""
    return (values.pin_memory() if device.type == "cuda" else values).to(device, non_blocking=True)
