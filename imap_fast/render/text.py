"""Labels as they are drawn: any text that a user may give, in the space there is."""

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
"""Families of Linux, macOS and Windows for what matplotlib's own DejaVu Sans lacks; those installed are used."""

JOINERS = "\u200c\u200d"
"""Invisible characters that shape their neighbours, which Persian, Hindi and emoji need."""

MISSING = "□"


@cache
def families() -> list[str]:
    """The font families that labels are drawn in, first choice first."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(family for family in FALLBACKS if family in installed)]


@cache
def _drawable(character: str) -> bool:
    fonts = (font_manager.get_font(font_manager.findfont(family)) for family in families())
    return any(font.get_char_index(ord(character)) for font in fonts)


def printable(text: str) -> str:
    """What of `text` can be drawn on one line: no control or direction marks, and □ for what no font here has."""
    drawn = []
    for character in " ".join(text.split()):
        category = unicodedata.category(character)
        if (category[0] == "C" and character not in JOINERS) or (category[0] == "M" and not _drawable(character)):
            continue
        drawn.append(character if _drawable(character) else MISSING)
    return "".join(drawn)


def style(size: float) -> dict:
    """Arguments for a matplotlib text of `size` points that takes `$` and `\\` for what they are."""
    return {"fontproperties": FontProperties(family=families(), size=size), "parse_math": False, "usetex": False}


def text_width(text: str, size: float) -> float:
    """Width of a text of `size` points, in inches."""
    renderer = FigureCanvasAgg(Figure(dpi=100)).get_renderer()
    return renderer.get_text_width_height_descent(text, style(size)["fontproperties"], False)[0] / 100


def fit(text: str, inches: float, size: float) -> str:
    """The printable part of `text`, cut off with an ellipsis where it is wider than `inches` at `size` points."""
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


def text_strip(text: str, height: int, width: int, colour: str, background: str) -> np.ndarray:
    """A line of text, centred, as a picture: uint8 `[height, width, 3]`."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=background)
    canvas = FigureCanvasAgg(figure)
    size = 0.53 * height * 72 / 100
    label = fit(text, (width - height / 2) / 100, size)
    figure.text(0.5, 0.5, label, color=colour, ha="center", va="center_baseline", **style(size))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
