"""Colours that tell concepts apart: one hue each, in the order in which they are given out.

They follow the hues of Okabe and Ito's set for colour vision deficiencies (https://jfly.uni-koeln.de/color). Each hue
has two shades, because none that shows on a dark picture keeps a contrast of 3 : 1 on white paper.
"""

BRIGHT = ("#ff9f1c", "#4cc9f0", "#f26fb5", "#2ee6a6", "#f7e45e", "#ff5a36", "#9a8cff", "#dfe0e6")
"""On video, and on dark ground."""

DEEP = ("#a85f00", "#0a7396", "#b02a78", "#007a55", "#7d6f00", "#bf2d0c", "#5546c8", "#5b5d68")
"""The same hues on white."""
