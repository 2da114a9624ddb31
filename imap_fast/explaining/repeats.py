"""The maps of several noises become one: their mean, with a spread and an agreement.

Windows are blended before that, the maps of each noise by themselves. So spread and agreement are those of whole
videos, each explained with one of the noises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from imap_fast.maps.agreement import agreement, sums_of_repeats
from imap_fast.maps.names import AGREEMENT, ALL_MAPS, KEPT, SINGLE_HEADS, SPREAD, TEXT_ATTENTION
from imap_fast.maps.run_state import REPEATS
from imap_fast.maps.saliency_maps import SaliencyMaps


def mean_and_spread(final: Mapping[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean of each map over N noises, and its standard deviation. Their sums are added to `tensors`.

    Args:
        final: latent frames that no later window changes: each map, fp32 `[F, N, C, H, W]`, `TIMES`, fp64 `[F]`, and
            what is kept inside of the maps.
        tensors: holds `repeats.<map>`, the sums over the latent frames before.

    Returns:
        Each map and `spread.<map>`, fp32 `[F, C, H, W]`, and the rest as it is.
    """
    reduced = {name: values for name, values in final.items() if name not in ALL_MAPS}
    for name in final.keys() - reduced.keys():
        repeats = final[name].double()
        mean = repeats.mean(1)
        # Tensor.std warns of no frames, and the first window has none that are final.
        variance = (repeats - mean[:, None]).square().sum(1) / (repeats.shape[1] - 1)
        reduced[name], reduced[SPREAD + name] = mean.float(), variance.sqrt().float()
        tensors[REPEATS + name] = tensors.get(REPEATS + name, 0) + sums_of_repeats(repeats)
    return reduced


def agreements(tensors: Mapping[str, Tensor], maps: Iterable[str], positions: int) -> dict[str, Tensor]:
    """`agreement.<map>`, fp32 `[C]`, from the sums over all `positions`."""
    return {AGREEMENT + name: agreement(tensors[REPEATS + name], positions) for name in maps}


def stacked(repeats: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The maps of a window for each noise, `[C, F, H, W]` by name, as `[F, N, C, H, W]`, or `[F, C, H, W]` of one."""
    if len(repeats) == 1:
        return {name: values.transpose(0, 1) for name, values in repeats[0].items()}
    return {name: torch.stack([maps[name] for maps in repeats]).permute(2, 0, 1, 3, 4) for name in repeats[0]}


def inside_of(repeats: list[SaliencyMaps]) -> dict[str, Tensor]:
    """What is kept inside of the maps of a window, by the names of `imap_fast.maps.names.inside_names`.

    It is the mean over the noises: `[F, L, S, C, H, W]` of single layers and steps, and `[F, P, C, H, W]` of heads.
    """
    named = [
        {KEPT + name: values for name, values in (maps.kept or {}).items()}
        | ({} if maps.single_heads is None else {SINGLE_HEADS: maps.single_heads})
        for maps in repeats
    ]
    return {name: torch.stack([each[name] for each in named]).mean(0).movedim(-3, 0) for name in named[0]}


def count_window(window: SaliencyMaps, tensors: dict[str, Tensor]) -> None:
    """Add the head scores, the votes and the text attention of a window to sums. The votes for a head are its rank."""
    votes, top_k = torch.zeros_like(window.head_scores), window.selected_heads.shape[-1]
    votes.scatter_(-1, window.selected_heads, torch.arange(top_k, 0, -1).to(votes).expand(len(votes), -1))
    sums = {"head_scores": window.head_scores, "votes": votes}
    sums |= {} if window.text_to_text is None else {TEXT_ATTENTION: window.text_to_text}
    for name, counted in sums.items():
        tensors[name] = tensors.get(name, 0) + counted
