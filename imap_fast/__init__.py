"""See where and when a word lives inside a video diffusion transformer.

`trace` reads saliency maps out of a running diffusers pipeline, `explain` out of a real video. Both answer with
`SaliencyMaps`. `choose_layers` tells which layers of a checkpoint to read.
"""

from imap_fast.explain import explain
from imap_fast.layers.choose import choose_layers
from imap_fast.maps import SaliencyMaps
from imap_fast.trace import trace
from imap_fast.version import __version__

__all__ = ["SaliencyMaps", "__version__", "choose_layers", "explain", "trace"]
