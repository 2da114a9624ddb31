"""The running C × N maps and head scores of a trace: everything that is kept between layers and steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from imap_fast.maps import CONTRASTED
from imap_kernels import frame_separation, gram_column, head_similarity, motion_heads, qk_match


@dataclass(frozen=True)
class TextRows:
    """The rows that stand for text in one layer of one video: the prompt's tokens, or a concept stream.

    Attributes:
        key: `[A, K, d]`, the text keys κ, after QK norm.
        output: `[A, K, d]`, their attention output, before the output projection; None where they attend to nothing.
        multiplicity: fp32 `[K]`, how many equal rows of the model each row stands for (padding is one row).
    """

    key: Tensor
    output: Tensor | None
    multiplicity: Tensor


class RunningMaps:
    """Sums of every map asked for, over layers and steps, and of the heads' scores (METHOD.md, steps 1 to 5).

    Args:
        maps: names out of `imap_fast.maps.MAP_NAMES`.
        num_text, num_concepts: how many maps to keep of `gramcol` and `imap`, and of the two baselines.
        videos: `V`, how many videos are read. grid: `(F, H, W)`, latent frames and patches.
        layers: the layers read, `L` of them. heads: `A`.
        head_score, top_k, normalize, backend: as in `imap_fast.trace`.
        given_heads: the motion heads of each layer, `[L, k]`; None: those that `head_score` tells.
        device: where the sums live.
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

        self.contrast_sum = zeros(videos, len(self.contrasted), num_text, tokens)
        self.baseline_sum = zeros(videos, len(self.baselines), num_concepts, tokens)
        self.score_sum = zeros(videos, len(layers), heads)
        self.chosen_sum = zeros(videos, len(layers), heads)
        self.steps = 0

    def add_layer(
        self, layer: int, video: int, query: Tensor, features: Tensor, text: TextRows, concepts: TextRows
    ) -> None:
        """Reads one layer of one video: `query` and `features`, q and o of the visual tokens, are `[A, N, d]`.

        `text` is matched against the queries, `concepts` makes the baselines; in concept mode they are the same rows.
        """
        position = self.layers.index(layer)
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
            # Cross-attention is mean_h q·κ, ConceptAttention Σ_h (concept's attention output)·o.
            rows, tokens, scale = (
                (concepts.key, query, 1 / len(query)) if name == "cross_attention" else (concepts.output, features, 1.0)
            )
            head_similarity(
                rows,
                tokens,
                multiplicity=concepts.multiplicity,
                out=self.baseline_sum[video, index],
                scale=scale,
                normalize=self.normalize,
                backend=self.backend,
            )

    def means(self) -> dict[str, Tensor]:
        """Each map by name, `[V, C, F, H, W]`: the mean over layers and steps."""
        count = self.steps * len(self.layers)
        means = {}
        for names, sums in ((self.contrasted, self.contrast_sum), (self.baselines, self.baseline_sum)):
            means.update({name: (sums[:, i] / count).unflatten(-1, self.grid) for i, name in enumerate(names)})
        return means

    def head_scores(self) -> Tensor:
        """fp32 `[V, L, A]`: each head's separation score, the mean over steps."""
        return self.score_sum / self.steps

    def selected_heads(self) -> Tensor:
        """int64 `[V, L, k]`: the heads chosen in most steps, the better mean score first among equals."""
        return most_chosen(self.chosen_sum, self.score_sum, head_score=self.head_score, top_k=self.top_k)


def most_chosen(votes: Tensor, scores: Tensor, *, head_score: str, top_k: int) -> Tensor:
    """The `top_k` heads with most votes, the better score first among equals: `[…, A]` twice → int64 `[…, k]`."""
    by_score = motion_heads(scores, score=head_score, top_k=scores.shape[-1])
    often = votes.gather(-1, by_score).argsort(dim=-1, descending=True, stable=True)
    return by_score.gather(-1, often)[..., :top_k]
