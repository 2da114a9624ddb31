"""Draws labels: any text of a user, in the available space."""

import unicodedata
from functools import cache

import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

FALLBACKS = (
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "PingFang SC",
    "Hiragino Sans",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
    "WenQuanYi Zen Hei",
    "Noto Emoji",
    "Segoe UI Symbol",
)
"""Font families of Linux, macOS and Windows for characters that DejaVu Sans, the default of matplotlib, lacks."""

JOINERS = "\u200c\u200d"
"""Invisible characters that join or separate their neighbours in Persian, Hindi and emoji."""

MISSING = "□"

ONE_LINE, TWO_LINES = 0.53, 0.4
"""The size of a text in a strip, as a share of its height: alone, and one of two."""


@cache
def families() -> list[str]:
    """The font families of labels, in order of preference."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(family for family in FALLBACKS if family in installed)]


@cache
def _drawable(character: str) -> bool:
    fonts = (font_manager.get_font(font_manager.findfont(family)) for family in families())
    return any(font.get_char_index(ord(character)) for font in fonts)


def printable(text: str) -> str:
    """The drawable part of `text` on one line: without control characters, and with □ for characters without a font."""
    drawn = []
    for character in " ".join(text.split()):
        category = unicodedata.category(character)
        if (category[0] == "C" and character not in JOINERS) or (category[0] == "M" and not _drawable(character)):
            continue
        drawn.append(character if _drawable(character) else MISSING)
    return "".join(drawn)


def style(size: float) -> dict:
    """Arguments for a matplotlib text of `size` points, in which `$` and `\\` have no special meaning."""
    return {"fontproperties": FontProperties(family=families(), size=size), "parse_math": False, "usetex": False}


def text_width(text: str, size: float) -> float:
    """The width of a text of `size` points, in inches."""
    renderer = FigureCanvasAgg(Figure(dpi=100)).get_renderer()
    return renderer.get_text_width_height_descent(text, style(size)["fontproperties"], False)[0] / 100


def fit(text: str, inches: float, size: float) -> str:
    """The printable part of `text`, truncated with an ellipsis if it is wider than `inches` at `size` points."""
    text = printable(text)
    if text_width(text, size) <= inches:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if text_width(text[:middle].rstrip() + "…", size) <= inches:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…"


def text_strip(text: str, height: int, width: int, colour: str, background: str, said: str = "") -> np.ndarray:
    """A picture of a centred text, uint8 `[height, width, 3]`. What is said of it is behind it, or in a second line."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=background)
    canvas = FigureCanvasAgg(figure)
    line, room = height * 72 / 100, (width - height / 2) / 100
    together = printable(f"{text} ({said})" if said else text)
    if not said or text_width(together, ONE_LINE * line) <= room:
        lines = [(0.5, together, ONE_LINE * line)]
    else:
        lines = [(0.72, text, TWO_LINES * line), (0.28, said, TWO_LINES * line)]
    for y, each, size in lines:
        figure.text(0.5, y, fit(each, room, size), color=colour, ha="center", va="center_baseline", **style(size))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
