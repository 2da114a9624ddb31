"""Colours that tell concepts apart, in the order in which they are given out.

They are told apart with any of the three colour vision deficiencies, too (`tests/render/test_palette.py`). Each hue has
two shades, because none that shows well on a dark picture keeps a contrast of 3 : 1 on white paper.
"""

BRIGHT = ("#ff9c0e", "#4bc6f1", "#f26db7", "#18efb0", "#ffe862", "#ff5a36", "#998bfe", "#dfdee8")
"""On video, and on dark ground."""

DEEP = ("#cf760a", "#418aaf", "#9a1174", "#00724d", "#9c8949", "#b52a00", "#5747cb", "#848188")
"""The same hues on white."""
