"""The silhouette score of one head, on the sample of tokens that scikit-learn draws."""

import functools

import numpy
import torch

SAMPLE = 5000
CHUNK = 512


@functools.lru_cache(maxsize=8)
def sampled_tokens(tokens: int, device: torch.device) -> torch.Tensor:
    """Draw the sample of `silhouette_score(..., sample_size=min(5000, N), random_state=0)`: int64 `[min(5000, N)]`."""
    order = numpy.random.RandomState(0).permutation(tokens)[:SAMPLE]
    return torch.from_numpy(order).to(device)


def silhouette(x: torch.Tensor) -> torch.Tensor:
    """Compute the mean of `(b - a) / max(a, b)` over the sampled tokens of `x [frames, patches, head dim]`.

    `a` is the mean distance to the other sampled tokens of the frame, and `b` the smallest mean distance to those of
    another frame. The only sampled token of a frame counts 0. At most `512 × 5000` distances are in memory.
    """
    frames, patches, _ = x.shape
    index = sampled_tokens(frames * patches, x.device)
    frame = index // patches
    member = (frame[:, None] == torch.arange(frames, device=x.device)).to(x.dtype)
    count = member.sum(0)
    x = x.flatten(0, 1)[index]

    total = x.new_zeros(())
    for rows, own in zip(x.split(CHUNK), frame.split(CHUNK), strict=True):
        distance = torch.cdist(rows, x, compute_mode="donot_use_mm_for_euclid_dist") @ member
        inside = distance.gather(1, own[:, None])[:, 0] / (count[own] - 1)
        others = (distance / count).masked_fill(count == 0, torch.inf)
        outside = others.scatter(1, own[:, None], torch.inf).amin(1)
        larger = torch.maximum(inside, outside)
        total += torch.where((count[own] == 1) | (larger == 0), 0.0, (outside - inside) / larger).sum()
    return total / len(x)
