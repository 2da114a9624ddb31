"""The running maps and head scores of a trace: everything that it keeps between layers and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from imap_fast.maps.names import CONTRASTED, REGION_MAPS, UNIT_LENGTH
from imap_fast.models.read_layer import ReadLayer
from imap_fast.tracing.kept_maps import KeptMaps
from imap_fast.tracing.kept_stores import Store
from imap_fast.tracing.most_chosen import most_chosen
from imap_fast.tracing.region_reader import RegionReader, on_device
from imap_fast.tracing.repeat_variation import RepeatVariation, token_weights
from imap_kernels import (
    frame_separation,
    gram_column,
    gram_separation,
    head_similarity,
    qk_match,
    select_heads,
    soft_surrogates,
    text_attention,
)

ALL_FINITE = 2**62
"""In place of the number of a layer that is not finite."""


class RunningMaps:
    """Sums of maps and of head scores over layers and steps (docs/method.md, "Maps of a layer").

    Args:
        maps: names from `imap_fast.maps.names.MAP_NAMES`.
        num_text: text rows to keep for `gramcol` and `imap`.
        num_concepts: text rows to keep for the two baselines.
        tokens: the text rows of each concept, whose mean is its map. None: each text row is a map by itself.
        videos: V, the number of videos read.
        grid: `(F, H, W)`, latent frames and patches.
        layers: the L layers to read.
        surrogates: as in `imap_fast.trace`.
        heads: A, heads in a layer.
        head_score: as in `imap_fast.trace`, like `top_k`, `normalize` and `backend`.
        top_k: motion heads in a layer.
        given_heads: the motion heads of each layer, `[L, k]`. None: chosen by `head_score`.
        single_heads: pairs of a layer and a head, each of which has maps of its own.
        normalize: what is applied over the text keys.
        backend: of the kernels.
        device: of the sums.
        regions: reads the rows of regions. None: there are no maps of regions.

    Attributes:
        one_pass: whether, with `surrogates="argmax"`, `gramcol` and the head scores come from one pass over o, and
            `imap` from another one over the motion heads alone. That reads fewer bytes, but its speed on a GPU is not
            yet measured.
    """

    one_pass: ClassVar[bool] = False

    def __init__(
        self,
        *,
        maps: tuple[str, ...],
        num_text: int,
        num_concepts: int,
        tokens: Sequence[Sequence[int]] | None,
        videos: int,
        grid: tuple[int, int, int],
        layers: tuple[int, ...],
        surrogates: str,
        heads: int,
        head_score: str,
        top_k: int,
        given_heads: tuple[tuple[int, ...], ...] | None,
        single_heads: tuple[tuple[int, int], ...] = (),
        normalize: str,
        backend: str,
        device: torch.device,
        regions: RegionReader | None = None,
    ) -> None:
        self.regions = regions
        self.grid, self.layers, self.videos = grid, layers, videos
        self.surrogates = surrogates
        self.head_score, self.top_k = head_score, top_k
        self.given_heads = None if given_heads is None else on_device(torch.tensor(given_heads, device="cpu"), device)
        self.single_heads = single_heads
        self.normalize, self.backend = normalize, backend
        self.contrasted = tuple(name for name in CONTRASTED if name in maps)
        self.baselines = tuple(name for name in maps if name not in (*CONTRASTED, *REGION_MAPS))
        self.region_maps = () if regions is None else tuple(name for names in regions.names.values() for name in names)
        frames, height, width = grid
        positions = frames * height * width

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float32, device=device)

        # Sums that begin in inference mode may go on outside of it.
        with torch.inference_mode(False):
            self.contrast_sum = zeros(videos, len(self.contrasted), num_text, positions)
            self.baseline_sum = zeros(videos, len(self.baselines), num_concepts, positions)
            self.region_sum = zeros(videos, len(self.region_maps), len(regions.regions) if regions else 0, positions)
            self.single_head_sum = zeros(videos, len(single_heads), num_text, positions)
            self.text_attention_sum = zeros(videos, num_concepts, num_concepts)
            self.score_sum = zeros(videos, len(layers), heads)
            self.chosen_sum = zeros(videos, len(layers), heads)
            # The weights of the heads in `imap`, set in each layer, and in `gramcol`.
            self.head_weights = torch.ones((2, heads), dtype=torch.float32, device=device)
            self._one = torch.ones((1, 1), dtype=torch.float32, device=device)  # the weight of a single head
            # On the device, so that no step waits for it: which layers of the running pass are not finite, their
            # numbers among all layers read, and the first such number.
            self._not_finite = torch.zeros(len(layers), dtype=torch.int32, device=device)
            self._numbers = torch.arange(len(layers), device=device)
            self._first_not_finite = torch.full((), ALL_FINITE, device=device)
        weights = None if tokens is None else on_device(token_weights(tokens, num_text), device)
        of_rows = [weights] * 2 + [None] * (len(self._sums) - 2)
        self._variations = [RepeatVariation(total, of) for total, of in zip(self._sums, of_rows, strict=True)]
        self._kept: tuple[KeptMaps, ...] = ()
        self.steps = 0

    @property
    def _sums(self) -> tuple[Tensor, ...]:
        """The running sums of the method's own maps, of the baselines, and of the maps of regions if there are some."""
        sums = self.contrast_sum, self.baseline_sum
        return sums if self.regions is None else (*sums, self.region_sum)

    @property
    def _names(self) -> tuple[tuple[str, ...], ...]:
        """The names of their maps."""
        names = self.contrasted, self.baselines
        return names if self.regions is None else (*names, self.region_maps)

    def _scale(self, name: str) -> float:
        """What a sum over heads is multiplied with: a cosine is the mean over them."""
        return 1 / self.score_sum.shape[-1] if name in UNIT_LENGTH else 1.0

    def keep(
        self,
        axes: Sequence[str],
        select: Sequence[Callable[[Tensor], Tensor]],
        store: Callable[[Sequence[str]], Store],
    ) -> None:
        """Keep the maps of single layers and steps, too.

        Args:
            axes: what is kept.
            select: as in `KeptMaps`, of the method's own maps, and of the baselines.
            store: makes the store of some maps.
        """
        select = list(select)
        if self.regions is not None:
            scales = torch.tensor([self._scale(name) for name in self.region_maps], dtype=torch.float32, device="cpu")
            select.append(partial(torch.mul, scales[:, None, None]))
        self._kept = tuple(
            KeptMaps(axes, len(self.layers), total.shape, total.device, of, store(names))
            for names, total, of in zip(self._names, self._sums, select, strict=True)
            if names
        )

    def add_layer(self, read: ReadLayer) -> None:
        """Add one layer of one video to the sums.

        Raises:
            RuntimeError: it has other heads or tokens than the sums.
        """
        video, position = read.video, self.layers.index(read.layer)
        size = self.score_sum.shape[-1], self.contrast_sum.shape[-1]
        for part in (read.query, read.features):
            if part.shape[:2] != size:
                raise RuntimeError(f"block {read.layer} has heads and tokens {list(part.shape[:2])}, not {list(size)}")
        note = self._not_finite[position]
        sums = tuple(total[video] for total in self._sums)
        # What is kept is of this layer alone. The same additions follow, so the running maps have the same bits.
        parts = tuple(map(torch.zeros_like, sums)) if self._kept else sums
        contrasts, baselines = parts[:2]
        surrogates, scores = self._match(contrasts, read, note)
        select_heads(
            scores,
            score=self.head_score,
            top_k=self.top_k,
            score_sum=self.score_sum[video, position],
            chosen_sum=self.chosen_sum[video, position],
            weights=self.head_weights[CONTRASTED.index("imap")],
            given=None if self.given_heads is None else self.given_heads[position],
            backend=self.backend,
        )
        fuses = surrogates is not None and not self.in_one_pass
        rows = {} if self.regions is None else self.regions.within(position, read, parts[2], note, fuses)
        if surrogates is not None:
            first, count = CONTRASTED.index(self.contrasted[0]), 1 if self.in_one_pass else len(self.contrasted)
            gram_column(
                read.features,
                surrogates,
                multiplicity=read.text.multiplicity,
                head_weights=self.head_weights[first : first + count],
                out=contrasts[:count],
                normalize=self.normalize,
                backend=self.backend,
                **rows,
            )
            self._add_single_heads(read, surrogates)
        self._add_baselines(baselines, read, note)
        if self.regions is not None:
            self.regions.between(position, read, parts[2], note)
        if (attending := read.concepts.attending) is not None:
            text_attention(
                attending.query,
                attending.key,
                attending.visual_key,
                multiplicity=attending.multiplicity,
                out=self.text_attention_sum[video],
                not_finite=note,
                backend=self.backend,
            )
        if self._kept:
            for total, part in zip(sums, parts, strict=True):
                total += part
            for kept, part in zip(self._kept, (p for p in parts if len(p)), strict=True):
                kept.add(position, video, part)

    @property
    def in_one_pass(self) -> bool:
        """Whether the settings allow `one_pass`."""
        return self.one_pass and self.contrasted == CONTRASTED and self.surrogates == "argmax"

    def _match(self, contrasts: Tensor, read: ReadLayer, note: Tensor) -> tuple[Tensor | None, Tensor]:
        """The surrogates of the text keys, None if no map needs them, and the separation scores of the heads.

        In one pass, it also adds `gramcol` to `contrasts`. `note` receives whether what is read is finite.
        """
        frames, query, features, text = self.grid[0], read.query, read.features, read.text
        common: dict[str, Any] = {"score": self.head_score, "not_finite": note, "backend": self.backend}
        if not self.contrasted:
            return None, frame_separation(features, frames=frames, **common)
        if self.surrogates != "argmax":
            # Autocast may leave q and κ in fp32.
            query, key = query.to(features.dtype), text.key.to(features.dtype)
            return soft_surrogates(query, key, features, frames=frames, over=self.surrogates, **common)
        index = qk_match(query, text.key, frames=frames, not_finite=note, backend=self.backend)
        if not self.in_one_pass:
            return index, frame_separation(features, frames=frames, **common)
        gramcol = contrasts[CONTRASTED.index("gramcol")]
        return index, gram_separation(
            features, index, multiplicity=text.multiplicity, out=gramcol, normalize=self.normalize, **common
        )

    def _add_single_heads(self, read: ReadLayer, surrogates: Tensor) -> None:
        """Add the contrast of each head of this layer that has maps of its own."""
        for index, (of_layer, head) in enumerate(self.single_heads):
            if of_layer == read.layer:
                only = slice(head, head + 1)
                gram_column(
                    read.features[only],
                    surrogates[only],
                    multiplicity=read.text.multiplicity,
                    head_weights=self._one,
                    out=self.single_head_sum[read.video, index : index + 1],
                    normalize=self.normalize,
                    backend=self.backend,
                )

    def _add_baselines(self, baselines: Tensor, read: ReadLayer, note: Tensor) -> None:
        """Add the baselines of one layer of one video to `baselines`. `note` receives whether they are finite."""
        for index, name in enumerate(self.baselines):
            if name == "cross_attention":  # mean_h q·κ
                rows, tokens, scale = read.concepts.key, read.query, 1 / len(read.query)
            else:  # Σ_h (attention output of the concept)·o
                rows, tokens, scale = read.concepts.required_output, read.features, 1.0
            head_similarity(
                rows,
                tokens,
                multiplicity=read.concepts.multiplicity,
                out=baselines[index],
                scale=scale,
                normalize=self.normalize,
                not_finite=note,
                backend=self.backend,
            )

    def begin_pass(self, step: int = 0) -> None:
        """Prepare for a forward pass, before its first layer is added.

        Args:
            step: its position among the steps that are read in a run.
        """
        if self.regions is not None:
            self.regions.begin_pass(step)
        for variation in self._variations:
            variation.begin_pass()
        for kept in self._kept:
            kept.begin_pass(step)

    def end_pass(self) -> None:
        """Count a forward pass whose layers are all added."""
        for kept in self._kept:
            kept.end_pass()
        self.steps += 1
        self._first_not_finite.copy_(self._first_number())
        self._not_finite.zero_()
        self._numbers += len(self.layers)

    def _first_number(self) -> Tensor:
        """The number of the first layer read that was not finite, on the device."""
        numbers = torch.where(self._not_finite == 1, self._numbers, ALL_FINITE)
        return torch.minimum(numbers.amin(), self._first_not_finite)

    def first_not_finite(self) -> tuple[int, int] | None:
        """The layer, and the number of the forward pass among those read, that first held NaN or an infinity.

        It waits for the device. None if every value was finite.
        """
        number = int(self._first_number())
        if number == ALL_FINITE:
            return None
        step, position = divmod(number, len(self.layers))
        return self.layers[position], step

    def means(self) -> dict[str, Tensor]:
        """The mean over layers and steps of each map by name, `[V, C, F, H, W]`."""
        count = self.steps * len(self.layers)
        means = {}
        for names, sums in zip(self._names, self._sums, strict=True):
            for i, name in enumerate(names):
                means[name] = (sums[:, i] / count * self._scale(name)).unflatten(-1, self.grid)
        return means

    def kept_means(self) -> dict[str, Tensor]:
        """The maps of single layers and steps by name, on the CPU, fp32 `[V, L, S, C, F, H, W]`; see `KeptMaps`.

        It waits for the device. Empty if nothing is kept.
        """
        maps = {name: values for kept in self._kept for name, values in kept.maps().items()}
        return {name: values.permute(2, 1, 0, 3, 4).unflatten(-1, self.grid) for name, values in maps.items()}

    def single_head_means(self) -> Tensor:
        """The mean over steps of the contrast of each single head, fp32 `[V, P, K, F, H, W]`."""
        return (self.single_head_sum / self.steps).unflatten(-1, self.grid)

    def text_attention_means(self) -> Tensor:
        """The mean over layers and steps of how much text rows attend to each other, fp32 `[V, K, K]`."""
        return self.text_attention_sum / (self.steps * len(self.layers))

    def end_repeat(self) -> None:
        """Count what was added since the last repeat as one: the same number of forward passes for each."""
        for variation in self._variations:
            variation.end_repeat()

    @property
    def repeats(self) -> int:
        """The number of repeats."""
        return self._variations[0].count

    def variation(self) -> dict[str, tuple[Tensor, Tensor]]:
        """How the maps of R ≥ 2 repeats differ, by name, each the mean over its layers and steps.

        Returns:
            The sum of their squared distances from the mean, `[V, C, F, H, W]`, of C concepts if `tokens` are given,
            and otherwise of K text rows. The mean over positions of each repeat, `[V, K, R]`.
        """
        layers, found = len(self.layers) * self.steps // self.repeats, {}
        for names, variation in zip(self._names, self._variations, strict=True):
            squares, levels = variation.squares() / layers**2, variation.levels() / layers
            for i, name in enumerate(names):
                scale = self._scale(name)
                found[name] = (squares[:, i] * scale**2).unflatten(-1, self.grid), levels[:, i] * scale
        return found

    def head_scores(self) -> Tensor:
        """The mean over steps of the separation score of each head, fp32 `[V, L, A]`."""
        return self.score_sum / self.steps

    def selected_heads(self) -> Tensor:
        """The heads chosen in most steps, int64 `[V, L, k]`. The better mean score decides between equals."""
        return most_chosen(self.chosen_sum, self.score_sum, head_score=self.head_score, top_k=self.top_k)
