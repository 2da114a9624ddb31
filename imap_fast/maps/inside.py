"""Saliency maps from inside: of single layers, denoising steps and heads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor

from imap_fast.maps.labelled import LabelledMaps
from imap_fast.maps.names import AXES, CONTRASTED, REGION_MAPS, TEXT_ATTENTION
from imap_fast.text.part import part_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Self = TypeVar("Self", bound="InsideMaps")

LAYERS, STEPS = -6, -5
"""The dimensions of layers and steps in what is kept."""

AXIS = -5
"""The dimension of layers, or of steps, in the maps of one of them."""

OF_ALL = ("keep", "heads", "repeats", TEXT_ATTENTION)
"""Settings of what a part of the maps does not have."""


class InsideMaps(LabelledMaps):
    """The maps of single layers, steps and heads, if the trace kept them (`keep=`, `heads=`)."""

    @property
    def keep(self) -> tuple[str, ...]:
        """The axes whose single maps are kept: "layers", "steps", both or none."""
        return tuple(self.settings.get("keep") or ())

    @property
    def part(self) -> str:
        """Of what the maps are a part, such as "layer 2" or "head 3 of layer 1"; see `at`. Empty: they are whole."""
        return part_name(self.settings)

    @property
    def by_layer(self) -> dict[str, Tensor]:
        """The map of each layer by name, the mean over its steps, fp32 `[L, C, F, H, W]`, in the order of `layers`.

        The mean over L is the map. If V videos were read, the shape has a leading dimension V.

        Raises:
            AttributeError: layers were not kept.
        """
        return self._kept("layers", lambda kept: _mean(kept, STEPS))

    @property
    def by_step(self) -> dict[str, Tensor]:
        """The map of each step by name, the mean over its layers, fp32 `[S, C, F, H, W]`, in the order of `steps`.

        The mean over S is the map. Shape and errors are as for `by_layer`.
        """
        return self._kept("steps", lambda kept: _mean(kept, LAYERS))

    @property
    def by_layer_and_step(self) -> dict[str, Tensor]:
        """The map of each layer in each step by name, fp32 `[L, S, C, F, H, W]`; see `by_layer`."""
        if {*self.keep} != {*AXES}:
            raise AttributeError(self._not_kept("layers", "steps"))
        return self._kept("layers", lambda kept: kept)

    def _kept(self, axis: str, of: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        if self.kept is None or axis not in self.keep:
            raise AttributeError(self._not_kept(axis))
        return {name: of(values) for name, values in self.kept.items()}

    @property
    def by_head(self) -> dict[tuple[int, int], Tensor]:
        """The contrast of each single head that was named in `heads`, by layer and head, fp32 `[C, F, H, W]`.

        Raises:
            AttributeError: no heads were named.
        """
        if self.single_heads is None:
            if self.part:
                raise AttributeError(self._of_part("single heads"))
            raise AttributeError("these maps are of no single heads; make them with heads=[(layer, head)]")
        maps = self.single_heads.unbind(-5)
        return {(layer, head): values for (layer, head), values in zip(self.settings["heads"], maps, strict=True)}

    def _not_kept(self, *axes: str) -> str:
        single = f"single {' and '.join(axes)}"
        if self.part:
            return self._of_part(single)
        kept = f", only those of {' and '.join(self.keep)}" if self.keep else ""
        return f"the maps of {single} were not kept{kept}; make the maps with keep=[{', '.join(map(repr, axes))}]"

    def _of_part(self, wanted: str) -> str:
        return f"these maps are of {self.part} alone; take {wanted} from the whole maps"

    def inside_figure(self, concept: str, map: str | None = None, frame: int | None = None) -> Figure:
        """A figure of how layers and steps see a concept: layers down, steps across, or a strip if one was kept.

        All tiles are of one latent frame, and share a colour scale. At most 12 steps are shown, evenly spaced. Save the
        figure with `.savefig("inside.png")`.

        Args:
            concept: a label.
            map: name of the map. None: that of the concept, `map_of`.
            frame: a latent frame. None: the one in which the map of the concept is hottest.

        Raises:
            AttributeError: nothing was kept, or `map` was not made.
            KeyError: an unknown label.
            ValueError: there is no latent frame `frame`, or maps of several videos.
        """
        from imap_fast.events.detect import curves_over_time
        from imap_fast.render.inside import inside_figure

        if self.kept is None:
            raise AttributeError(self._not_kept(*AXES))
        self._refuse_several("inside_figure")
        (label,), (values,) = self.views([concept], map)
        name = map or self.map_of(label)
        frames = self.grid[0]
        if frame is None:
            frame = int(curves_over_time([values])[0].argmax())
        if frame not in range(frames):
            raise ValueError(f"frame={frame} is not possible; there are the latent frames 0 to {frames - 1}")
        tiles = self.kept[name][:, :, self.index(label, name), frame]
        layers = self.layers if "layers" in self.keep else None
        steps = self.steps if "steps" in self.keep else None
        return inside_figure(f"{label}: {name}, latent frame {frame}", layers, steps, tiles)

    def text_attention_figure(self) -> Figure:
        """A figure of `text_attention`: what each concept attends to. Save it with `.savefig("text.png")`.

        Raises:
            AttributeError: it was not read.
            ValueError: maps of several videos.
        """
        from imap_fast.render.inside import text_attention_figure

        attention = self.text_attention
        self._refuse_several("text_attention_figure")
        return text_attention_figure(self.baseline_labels or self.labels, attention)

    def at(
        self: Self, *, layer: int | None = None, step: int | None = None, head: tuple[int, int] | None = None
    ) -> Self:
        """The maps of one layer, one step, one layer in one step, or one head, for every picture and file.

        Pictures, report and `settings["part"]` say what they are of. Head scores and motion heads stay those of all
        steps. There is no agreement and no spread.

        Args:
            layer: index of a block, one of `layers`.
            step: one of `steps`.
            head: a layer and a head, one of `by_head`. `imap` and `gramcol` are then the contrast of this head, and
                there are no baselines.

        Raises:
            AttributeError: such maps were not kept.
            KeyError: a layer, step or head that was not read.
            ValueError: nothing is named, or a head beside a layer or a step.
        """
        if (layer is None and step is None) == (head is None):
            raise ValueError("name a layer, a step or both, or name a head alone")
        if head is not None:
            return self._at_head(head)
        rows, columns = _place("layer", layer, self.layers), _place("step", step, self.steps)
        if step is None:
            values = {name: kept.select(AXIS, rows.start) for name, kept in self.by_layer.items()}
        elif layer is None:
            values = {name: kept.select(AXIS, columns.start) for name, kept in self.by_step.items()}
        else:
            both = self.by_layer_and_step
            values = {name: kept.select(LAYERS, rows.start).select(STEPS, columns.start) for name, kept in both.items()}
        part: dict[str, object] = {} if layer is None else {"layer": self.layers[rows.start]}
        part |= {} if step is None else {"step": self.steps[columns.start]}
        return self._with(values, rows, self.steps[columns], part)

    def _at_head(self: Self, head: tuple[int, int]) -> Self:
        by_head = self.by_head
        if head not in by_head:
            raise KeyError(f"no head {head!r}; there are {', '.join(map(str, by_head))}, each a layer and a head")
        pair = next(known for known in by_head if known == head)  # in place of numbers of NumPy
        row = self.layers.index(pair[0])
        contrasted = {name: by_head[pair] for name in CONTRASTED if name in self.maps}
        return self._with(contrasted, slice(row, row + 1), self.steps, {"head": pair})

    def _with(
        self: Self, maps: dict[str, Tensor], rows: slice, steps: tuple[int, ...], part: dict[str, object]
    ) -> Self:
        """The same result with other maps, of some rows of the layers and some steps; `part` says of what."""
        left_out = OF_ALL if {*maps} & {*REGION_MAPS} else (*OF_ALL, "regions")
        settings = {name: value for name, value in self.settings.items() if name not in left_out} | {"part": part}
        if settings.get("motion_heads") is not None:
            settings["motion_heads"] = settings["motion_heads"][rows]
        return replace(
            self,
            maps=maps,
            layers=self.layers[rows],
            steps=steps,
            head_scores=self.head_scores[..., rows, :],
            selected_heads=self.selected_heads[..., rows, :],
            settings=settings,
            agreements=None,
            spreads=None,
            kept=None,
            single_heads=None,
            text_to_text=None,
        )


def _mean(values: Tensor, dim: int) -> Tensor:
    """The mean over a dimension, added up in its order as a trace adds it up."""
    first, *others = values.unbind(dim)
    if not others:
        return first
    total = first.clone()
    for each in others:
        total += each
    return total / (1 + len(others))


def _place(what: str, wanted: int | None, known: tuple[int, ...]) -> slice:
    """The place of a number among those known. None: of all."""
    if wanted is None:
        return slice(None)
    if wanted not in known:
        raise KeyError(f"no {what} {wanted!r}; there are {', '.join(map(str, known))}")
    return slice(known.index(wanted), known.index(wanted) + 1)
