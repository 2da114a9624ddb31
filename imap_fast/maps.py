"""The result: one saliency map per concept, with what is needed to read, keep and show it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from imap_fast.video import Clip

# Pictures and files are imported where they are asked for: matplotlib is slow to load, and they import this module.

CONTRASTED = ("imap", "gramcol")
"""The method's own maps: contrasts over the text keys (METHOD.md, step 5)."""

MAP_NAMES = (*CONTRASTED, "cross_attention", "concept_attention")
"""All maps that can be asked for, the two baselines behind, in the order in which one is preferred."""


@dataclass(frozen=True, eq=False, repr=False)
class SaliencyMaps:
    """Saliency maps of C concepts on F latent frames of H × W patches; where V videos were read, V leads every shape.

    Args:
        maps: by name (`MAP_NAMES`), fp32 on the CPU, `[C, F, H, W]` or `[V, C, F, H, W]`.
        labels: the C concepts, or the prompt's tokens.
        layers: the L transformer layers that were read.
        steps: the denoising steps that were read, as indices into the schedule.
        head_scores: frame separation of each head (METHOD.md, step 4), `[L, A]` or `[V, L, A]`.
        selected_heads: the motion heads, best first, int64 `[L, k]` or `[V, L, k]`.
        settings: how the maps were made, as JSON holds it.
        baseline_labels: of `cross_attention` and `concept_attention`, where these follow other concepts than `labels`
            (`match="prompt"` beside a tensor of concepts); None: `labels`.
        seconds: of a real video, when each latent frame happens, counted from the first frame: the mean over the
            frames that it covers, by the times of the file; fp64 `[F]`.

    Raises:
        TypeError: a map is not an fp32 CPU tensor, or `settings` is nothing that JSON can hold.
        ValueError: an unknown map, or shapes that do not agree.
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

    def __post_init__(self) -> None:
        if not self.maps or not self.maps.keys() <= set(MAP_NAMES):
            raise ValueError(f"maps must be some of {', '.join(MAP_NAMES)}, not {', '.join(self.maps) or 'none'}")
        if self.baseline_labels is None:
            object.__setattr__(self, "baseline_labels", self.labels)
        shape = next(iter(self.maps.values())).shape
        for name, values in self.maps.items():
            if values.dtype != torch.float32 or values.device.type != "cpu":
                raise TypeError(f"{name} must be fp32 on the CPU, not {values.dtype} on {values.device}")
            if values.ndim not in (4, 5) or (values.shape[:-4], values.shape[-3:]) != (shape[:-4], shape[-3:]):
                raise ValueError(f"maps must all be [C, F, H, W] or [V, C, F, H, W]: {name} is {list(values.shape)}")
            labels = self.labels_of(name)
            if len(set(labels)) != len(labels) or len(labels) != values.shape[-4]:
                raise ValueError(f"{name} needs {values.shape[-4]} different labels, not {list(labels)}")
        for name in ("head_scores", "selected_heads"):
            heads = getattr(self, name)
            if heads.shape[:-1] != (*shape[:-4], len(self.layers)):
                raise ValueError(f"{name} {list(heads.shape)} must have a row for each of {len(self.layers)} layers")
        if self.seconds is not None and self.seconds.shape != shape[-3:-2]:
            raise ValueError(f"seconds {list(self.seconds.shape)} must be of the {shape[-3]} latent frames")
        # What JSON gives back is what is kept: settings then compare equal after save and load.
        object.__setattr__(self, "settings", json.loads(json.dumps(self.settings, allow_nan=False)))

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.maps[self.default].shape[:-4] + self.grid))
        return f"SaliencyMaps({', '.join(self.maps)}: {size}, of {', '.join(map(repr, self.labels))})"

    @property
    def default(self) -> str:
        """The map shown where none is named: `imap`, or the first of `MAP_NAMES` that there is."""
        return next(name for name in MAP_NAMES if name in self.maps)

    @property
    def grid(self) -> tuple[int, int, int]:
        """`(F, H, W)`: latent frames and patches of a map."""
        return tuple(self.maps[self.default].shape[-3:])

    @property
    def imap(self) -> Tensor:
        """Mean contrast over the motion heads (METHOD.md, step 5), fp32 `[C, F, H, W]`."""
        return self._map("imap")

    @property
    def gramcol(self) -> Tensor:
        """Contrast summed over all heads (METHOD.md, step 5), fp32 `[C, F, H, W]`."""
        return self._map("gramcol")

    @property
    def cross_attention(self) -> Tensor:
        """Baseline: mean over heads of `q · κ`, fp32 `[C, F, H, W]`."""
        return self._map("cross_attention")

    @property
    def concept_attention(self) -> Tensor:
        """Baseline: ConceptAttention (arXiv 2502.04320), fp32 `[C, F, H, W]`."""
        return self._map("concept_attention")

    def _map(self, name: str) -> Tensor:
        if name not in self.maps:
            raise AttributeError(f"{name} was not asked for; trace with maps={(*self.maps, name)!r}")
        return self.maps[name]

    def labels_of(self, map: str) -> tuple[str, ...]:
        """The labels of one map: `labels`, or `baseline_labels` of a baseline."""
        return self.labels if map in CONTRASTED else self.baseline_labels

    def __getitem__(self, label: str) -> Tensor:
        """One concept's map: `[F, H, W]`, or `[V, F, H, W]`, of `imap`, or of the first map that there is.

        Raises:
            KeyError: no such label.
        """
        return self.maps[self.default].select(-4, self.index(label))

    def index(self, label: str, map: str | None = None) -> int:
        """Where `label` stands in the concept dimension of a map.

        Raises:
            KeyError: no such label.
        """
        labels = self.labels_of(map or self.default)
        if label not in labels:
            raise KeyError(f"no concept {label!r}; there are {', '.join(repr(known) for known in labels)}")
        return labels.index(label)

    def video(self, index: int) -> "SaliencyMaps":
        """The maps of one video, where several were read (`[V, …]`).

        Raises:
            IndexError: there is no video `index`.
        """
        videos = self.maps[self.default].shape[0] if self._several else 1
        if not -videos <= index < videos:
            raise IndexError(f"no video {index}: these maps read {videos}, counted from 0")
        if not self._several:
            return self
        return replace(
            self,
            maps={name: values[index] for name, values in self.maps.items()},
            head_scores=self.head_scores[index],
            selected_heads=self.selected_heads[index],
        )

    @property
    def _several(self) -> bool:
        return self.maps[self.default].ndim == 5

    def upsample(self, num_frames: int, height: int, width: int, map: str | None = None) -> Tensor:
        """A map at the video's size: bilinear in space; in time linear between the latent frames' true places.

        Args:
            num_frames: the video's frames.
            height: the video's, in pixels.
            width: the video's, in pixels.
            map: which map; `imap`, or the first that there is, where not named.

        Returns:
            fp32 `[C, num_frames, height, width]`, or `[V, C, …]`.

        Raises:
            AttributeError: `map` was not asked for.
            ValueError: a video of `num_frames` does not have these latent frames.
        """
        from imap_fast.render.upsample import upsample_space, upsample_time

        values = upsample_time(self._map(map or self.default), num_frames, **self.time)
        return upsample_space(values, height, width)

    @property
    def time(self) -> dict[str, int]:
        """How latent frames lie in time: `temporal_compression` of the VAE, `patch_size_t` of the transformer."""
        return {
            "temporal_compression": self.settings.get("temporal_compression") or 4,
            "patch_size_t": self.settings.get("patch_size_t") or 1,
        }

    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one `.npz` or `.safetensors` file, whole or not at all.

        Raises:
            ValueError: another suffix.
            OSError: the folder cannot be written.
        """
        from imap_fast.storage import save_maps

        save_maps(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "SaliencyMaps":
        """Read what `save` wrote, exactly; or the folder of `explain`, whose maps are read only where they are used.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: another suffix, a damaged file, a file that `save` did not write, or a run not yet finished.
        """
        from imap_fast.storage import load_maps

        return load_maps(path)

    def overlay(self, video: Any = None, concepts: Sequence[str] | None = None, map: str | None = None) -> "Clip":
        """The video beside itself under each concept's heat, as a clip to `save`.

        Args:
            video: a `Clip`, a list of PIL images, an array or tensor `[T, H, W, 3]` (uint8, or float in [0, 1]); or
                the file that the maps were read from. None: the maps alone, on a plain ground.
            concepts: which labels; all where not named.
            map: which map; `imap`, or the first that there is, where not named.

        Raises:
            AttributeError: `map` was not asked for.
            KeyError: an unknown label.
            ValueError: maps of several videos, or a video of another length.
        """
        from imap_fast.render.overlay import overlay

        return overlay(self._one_video("overlay"), video, concepts, map)

    def save_overlay(
        self, path: str | os.PathLike, video: Any, concepts: Sequence[str] | None = None, map: str | None = None
    ) -> None:
        """`overlay`, written to an .mp4 frame by frame: memory does not grow with the video.

        The file's frames keep their times. Other arguments and errors are those of `overlay` and `Clip.save`.
        """
        from imap_fast.render.overlay import save_overlay

        save_overlay(self._one_video("save_overlay"), path, video, concepts, map)

    def grid_figure(self, video: Any = None, concepts: Sequence[str] | None = None, map: str | None = None) -> "Figure":
        """A figure like the paper's: frames across, concepts down, over the video's frames where they are given.

        Arguments and errors are those of `overlay`. Save it with `.savefig("grid.png")`.
        """
        from imap_fast.render.grid import grid_figure

        return grid_figure(self._one_video("grid_figure"), video, concepts, map)

    def heads(self) -> "Figure":
        """A figure of each head's separation score in each layer, the motion heads marked.

        Save it with `.savefig("heads.png")`.

        Raises:
            ValueError: maps of several videos.
        """
        from imap_fast.render.heads import heads_figure

        return heads_figure(self._one_video("heads"))

    def timeline(
        self, num_frames: int | None = None, concepts: Sequence[str] | None = None, map: str | None = None
    ) -> "Figure":
        """A figure of each concept's saliency over time, and of the frames in which it is active.

        A frame's saliency is the mean heat of its hottest patches, one in twenty. `num_frames` are the video's, or the
        most that these latent frames can stand for. The other arguments and the errors are those of `overlay`.
        """
        from imap_fast.render.timeline import timeline_figure

        return timeline_figure(self._one_video("timeline"), num_frames, concepts, map)

    def report(self, path: str | os.PathLike, video: Any = None, run: Mapping[str, Any] | None = None) -> None:
        """Write one HTML page that needs no network: the video under its maps, when, which heads, and how it was made.

        Args:
            path: where to, ending in .html.
            video: that the maps were read from: a file, or as in `overlay`.
            run: what else the report is to say of the run, as `run.json` does.

        Raises:
            ValueError: another suffix, maps of several videos, a video of another length, or a file that is no video.
            OSError: there is no such video, or the folder cannot be written.
        """
        from imap_fast.report import write_report

        write_report(self._one_video("report"), path, video, run or {})

    def _repr_html_(self) -> str:
        from imap_fast.report.notebook import notebook_html

        return notebook_html(self)

    def chosen(self, concepts: Sequence[str] | None, map: str | None) -> tuple[tuple[str, ...], Tensor]:
        """The labels and values `[C, F, H, W]` that a picture shows; see `overlay`."""
        name = map or self.default
        values, labels = self._map(name), self.labels_of(name)
        if concepts is None:
            return labels, values
        concepts = (concepts,) if isinstance(concepts, str) else tuple(concepts)
        if not concepts:
            raise ValueError(f"no concept to show; name some of {', '.join(labels)}, or leave concepts out")
        return concepts, values[[self.index(label, name) for label in concepts]]

    def _one_video(self, picture: str) -> "SaliencyMaps":
        if self._several:
            videos = self.maps[self.default].shape[0]
            raise ValueError(f"these maps read {videos} videos; show one of them: maps.video(0).{picture}(…)")
        return self
