"""The colours of concepts, in order of use.

They are distinguishable with any of the three colour vision deficiencies (`tests/render/test_palette.py`). Each hue has
two shades, because no shade that is visible on a dark picture has a contrast of 3 : 1 on white.
"""

BRIGHT = ("#ff9c0e", "#4bc6f1", "#f26db7", "#18efb0", "#ffe862", "#ff5a36", "#998bfe", "#dfdee8")
"""For videos and dark backgrounds."""

DEEP = ("#cf760a", "#418aaf", "#9a1174", "#00724d", "#9c8949", "#b52a00", "#5747cb", "#848188")
"""The same hues for white backgrounds."""
