"""Maps of a file with many shots."""

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.render.synthetic import make_maps


def in_shots(*seconds: float, **read: float) -> SaliencyMaps:
    """Maps of shots of one frame each, which begin at these times of a file. `read` is what else is known of it."""
    shots = [{"first_frame": i, "num_frames": 1, "seconds": time} for i, time in enumerate(seconds)]
    video = {"num_frames": len(shots), "height": 24, "width": 32, "fps": 8.0, "shots": shots, **read}
    return make_maps(grid=(len(shots), 3, 4), video=video)
