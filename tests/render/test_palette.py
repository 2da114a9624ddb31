"""The colours of concepts differ from their background and from each other, for every kind of colour vision."""

import numpy as np
import pytest

from imap_fast.render.palette import BRIGHT, DEEP

# Simulations of dichromatic vision, in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colours) -> np.ndarray:
    """Convert sRGB as hexadecimal text to linear RGB `[n, 3]`."""
    channels = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Convert linear RGB to CIELAB, white point D65."""
    x, y, z = np.cbrt(rgb.clip(1e-3, 1) @ (XYZ / XYZ.sum(1, keepdims=True)).T).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [BRIGHT, DEEP], ids=["bright", "deep"])
def test_any_two_colours_differ(colours, vision):
    seen = lab(linear(colours) @ np.array(VISION[vision]).T)
    apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[np.triu_indices(len(colours), 1)]
    assert apart.min() > 14  # 2 is just noticeable side by side


def test_each_has_contrast_to_its_background():
    assert len(BRIGHT) == len(DEEP)
    assert (1.05 / (linear(DEEP) @ XYZ[1] + 0.05)).min() > 3
    assert ((linear(BRIGHT) @ XYZ[1] + 0.05) / (linear(["#181a20"]) @ XYZ[1] + 0.05)).min() > 3
