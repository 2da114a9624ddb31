"""See where and when a word lives inside a video diffusion transformer.

`trace` reads saliency maps out of a running diffusers pipeline, `explain` out of a real video. Both answer with
`SaliencyMaps`.
"""

from imap_fast.explain import explain
from imap_fast.maps import SaliencyMaps
from imap_fast.trace import trace

__version__ = "0.1.0"
__all__ = ["SaliencyMaps", "explain", "trace"]
