"""The running maps and head scores of a trace: everything that it keeps between layers and steps."""

from __future__ import annotations

import torch
from torch import Tensor

from imap_fast.maps.names import CONTRASTED
from imap_fast.models.text_rows import TextRows
from imap_kernels import frame_separation, gram_column, head_similarity, motion_heads, qk_match

ALL_FINITE = 2**62
"""In place of the number of a layer that is not finite."""


class RunningMaps:
    """Sums of maps and of head scores over layers and steps (docs/method.md, "Maps of a layer").

    Args:
        maps: names from `imap_fast.maps.names.MAP_NAMES`.
        num_text: text rows to keep for `gramcol` and `imap`.
        num_concepts: text rows to keep for the two baselines.
        videos: V, the number of videos read.
        grid: `(F, H, W)`, latent frames and patches.
        layers: the L layers to read.
        heads: A, heads in a layer.
        head_score: as in `imap_fast.trace`, like `top_k`, `normalize` and `backend`.
        top_k: motion heads in a layer.
        given_heads: the motion heads of each layer, `[L, k]`. None: chosen by `head_score`.
        normalize: what is applied over the text keys.
        backend: of the kernels.
        device: of the sums.
    """

    def __init__(
        self,
        *,
        maps: tuple[str, ...],
        num_text: int,
        num_concepts: int,
        videos: int,
        grid: tuple[int, int, int],
        layers: tuple[int, ...],
        heads: int,
        head_score: str,
        top_k: int,
        given_heads: tuple[tuple[int, ...], ...] | None,
        normalize: str,
        backend: str,
        device: torch.device,
    ) -> None:
        self.grid, self.layers, self.videos = grid, layers, videos
        self.head_score, self.top_k = head_score, top_k
        self.given_heads = None if given_heads is None else torch.tensor(given_heads, device=device)
        self.normalize, self.backend = normalize, backend
        self.contrasted = tuple(name for name in CONTRASTED if name in maps)
        self.baselines = tuple(name for name in maps if name not in CONTRASTED)
        frames, height, width = grid
        tokens = frames * height * width

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float32, device=device)

        # Sums that begin in inference mode may go on outside of it.
        with torch.inference_mode(False):
            self.contrast_sum = zeros(videos, len(self.contrasted), num_text, tokens)
            self.baseline_sum = zeros(videos, len(self.baselines), num_concepts, tokens)
            self.score_sum = zeros(videos, len(layers), heads)
            self.chosen_sum = zeros(videos, len(layers), heads)
            # On the device, so that no step waits for it: the number of the first layer read that was not finite.
            self._first_not_finite = torch.full((), ALL_FINITE, device=device)
            # Also a tensor: torch.compile would compile anew for each value of a Python number.
            self._first_of_pass = torch.zeros((), dtype=torch.int64, device=device)
        self.steps = 0

    def add_layer(
        self, layer: int, video: int, query: Tensor, features: Tensor, text: TextRows, concepts: TextRows
    ) -> None:
        """Add one layer of one video to the sums.

        Args:
            layer: index of the block.
            video: index of the video.
            query: q of the visual tokens, `[A, N, d]`.
            features: o of the visual tokens, `[A, N, d]`.
            text: rows that are matched with the queries.
            concepts: rows of the baselines. The same rows as `text` if concepts have a stream of their own.
        """
        position = self.layers.index(layer)
        size = self.score_sum.shape[-1], self.contrast_sum.shape[-1]
        for part in (query, features):
            if part.shape[:2] != size:
                raise RuntimeError(f"block {layer} has heads and tokens {list(part.shape[:2])}, not {list(size)}")
        self._note_finite(position, query, features, text, concepts)
        scores = frame_separation(features, frames=self.grid[0], score=self.head_score, backend=self.backend)
        if self.given_heads is None:
            chosen = motion_heads(scores, score=self.head_score, top_k=self.top_k)
        else:
            chosen = self.given_heads[position]
        is_motion_head = torch.zeros_like(scores).index_fill_(0, chosen, 1.0)
        self.score_sum[video, position] += scores
        self.chosen_sum[video, position] += is_motion_head
        if self.contrasted:
            weights = {"gramcol": torch.ones_like(scores), "imap": is_motion_head / self.top_k}
            gram_column(
                features,
                qk_match(query, text.key, frames=self.grid[0], backend=self.backend),
                multiplicity=text.multiplicity,
                head_weights=torch.stack([weights[name] for name in self.contrasted]),
                out=self.contrast_sum[video],
                normalize=self.normalize,
                backend=self.backend,
            )
        for index, name in enumerate(self.baselines):
            if name == "cross_attention":  # mean_h q·κ
                rows, tokens, scale = concepts.key, query, 1 / len(query)
            else:  # Σ_h (attention output of the concept)·o
                rows, tokens, scale = concepts.required_output, features, 1.0
            head_similarity(
                rows,
                tokens,
                multiplicity=concepts.multiplicity,
                out=self.baseline_sum[video, index],
                scale=scale,
                normalize=self.normalize,
                backend=self.backend,
            )

    def _note_finite(self, position: int, query: Tensor, features: Tensor, text: TextRows, concepts: TextRows) -> None:
        """Note on the device whether everything that is read from a layer is finite."""
        rows = {
            id(part): part for part in (query, features, text.key, concepts.key, concepts.output) if part is not None
        }
        # The sum of values is finite only if each of them is, and needs no mask of their size.
        total = sum(part.sum(dtype=torch.promote_types(part.dtype, torch.float32)) for part in rows.values())
        number = self._first_of_pass + position
        self._first_not_finite.clamp_(max=torch.where(torch.as_tensor(total).isfinite(), ALL_FINITE, number))

    def end_pass(self) -> None:
        """Count a forward pass whose layers are all added."""
        self.steps += 1
        self._first_of_pass += len(self.layers)

    def first_not_finite(self) -> tuple[int, int] | None:
        """The layer, and the number of the forward pass among those read, that first held NaN or an infinity.

        It waits for the device. None if every value was finite.
        """
        number = int(self._first_not_finite)
        if number == ALL_FINITE:
            return None
        step, position = divmod(number, len(self.layers))
        return self.layers[position], step

    def means(self) -> dict[str, Tensor]:
        """The mean over layers and steps of each map by name, `[V, C, F, H, W]`."""
        count = self.steps * len(self.layers)
        means = {}
        for names, sums in ((self.contrasted, self.contrast_sum), (self.baselines, self.baseline_sum)):
            means.update({name: (sums[:, i] / count).unflatten(-1, self.grid) for i, name in enumerate(names)})
        return means

    def head_scores(self) -> Tensor:
        """The mean over steps of the separation score of each head, fp32 `[V, L, A]`."""
        return self.score_sum / self.steps

    def selected_heads(self) -> Tensor:
        """The heads chosen in most steps, int64 `[V, L, k]`. The better mean score decides between equals."""
        return most_chosen(self.chosen_sum, self.score_sum, head_score=self.head_score, top_k=self.top_k)


def most_chosen(votes: Tensor, scores: Tensor, *, head_score: str, top_k: int) -> Tensor:
    """The heads with most votes. The better score decides between equals.

    Args:
        votes: `[…, A]`.
        scores: `[…, A]`.
        head_score: name of the score, which says whether lower or higher is better.
        top_k: the number of heads.

    Returns:
        int64 `[…, k]`.
    """
    by_score = motion_heads(scores, score=head_score, top_k=scores.shape[-1])
    by_votes = votes.gather(-1, by_score).argsort(dim=-1, descending=True, stable=True)
    return by_score.gather(-1, by_votes)[..., :top_k]
