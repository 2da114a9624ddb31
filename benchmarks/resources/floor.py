"""The least time of a layer's saliency: the layer's tensors that it needs, read once each."""

from benchmarks.resources.gpus import BANDWIDTH, attention_seconds
from benchmarks.shapes import LAYERS

CLIPS = ("2b-49x480x720", "1.5-5b-81x768x1360", "2b-161x480x720", "2b-321x480x720")
# What is read, the number of tensors of all heads and visual tokens in it, and the number of heads that are read again.
READS = (
    ("`q` and `o`: words of the prompt", 2, 0),
    ("and five motion heads of `o` again", 2, 5),
    ("`q`, `k`, `v` and `o`: concepts in a stream of their own", 4, 0),
    ("and five motion heads of `o` again", 4, 5),
    ("and all heads of `o` again", 5, 0),
)


def table() -> str:
    """A Markdown table of shares of the layer's attention call on an H100, predicted, for clips of four lengths."""
    lines = [f"| what is read | {' | '.join(CLIPS)} |", "| --- " * (1 + len(CLIPS)) + "|"]
    for what, tensors, again in READS:
        shares = []
        for layer in map(LAYERS.__getitem__, CLIPS):
            read = 2 * (tensors * layer.heads + again) * layer.tokens * layer.dim
            shares.append(f"{read / BANDWIDTH['H100'] / attention_seconds(layer):.4f}")
        lines.append(f"| {what} | {' | '.join(shares)} |")
    return "\n".join(lines)
