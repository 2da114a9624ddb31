"""Labels are drawn literally, on one line, in the available space."""

import matplotlib
import numpy as np
import pytest

from imap_fast.render.text import fit, printable, text_strip, text_width
from tests.render.synthetic import NASTY_LABELS


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("alpaca", "alpaca"),
        ("  two\n words\t", "two words"),
        ("a\u202eb\x00c\u2066", "abc"),
        ("$x^2$ \\frac <b>", "$x^2$ \\frac <b>"),
        ("\ud800", ""),
        ("\U0010fffe", ""),
        ("e\u0301", "e\u0301"),
    ],
)
def test_only_what_can_be_drawn_is_left(text, drawn):
    assert printable(text) == drawn


def test_a_character_without_a_glyph_becomes_a_box():
    assert printable("a\U00013000b") == "a□b"  # a hieroglyph, which none of the fonts has


@pytest.mark.parametrize("label", [*NASTY_LABELS, "evil \ud800", ""])
@pytest.mark.parametrize("inches", [0.4, 2.0])
def test_a_label_fits(label, inches):
    text = fit(label, inches, 11)
    assert text_width(text, 11) <= inches
    assert text == printable(label) or text.endswith("…")


def test_as_much_as_fits_is_kept():
    text = fit("m" * 100, 2, 11)
    assert text == "m" * (len(text) - 1) + "…"
    assert text_width("m" + text, 11) > 2


@pytest.mark.parametrize("usetex", [False, True])
def test_dollars_are_not_mathematics(usetex):
    with matplotlib.rc_context({"text.usetex": usetex}):
        plain, formula = (text_strip(text, 30, 200, "white", "black") for text in ("$a$", "a"))
    assert plain.shape == (30, 200, 3)
    assert plain.max() > 200
    assert np.count_nonzero(plain) > 1.5 * np.count_nonzero(formula)  # the dollar signs are drawn


@pytest.mark.parametrize("label", [*NASTY_LABELS, "evil \ud800", ""])
def test_a_strip_is_drawn_for_any_label(label, recwarn):
    strip = text_strip(label, 34, 240, "#ffffff", "#000000")
    assert strip.dtype == np.uint8
    assert strip.shape == (34, 240, 3)
    assert (strip.max() > 200) == bool(printable(label))
    assert not strip[:, 0].any()
    assert not strip[:, -1].any()
    assert not recwarn.list
