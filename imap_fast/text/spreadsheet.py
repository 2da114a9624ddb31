"""Labels in tables that a spreadsheet opens."""

import unicodedata

QUOTE = "'"
FORMULAS = ("=", "+", "-", "@", QUOTE)
"""What a spreadsheet may take as the beginning of a formula, and `QUOTE`, so that a reader can undo it."""

_UNSEEN = ("Cc", "Cf")
"""The categories of Unicode of characters that control others."""


def no_formula(label: str) -> str:
    """A label that no spreadsheet runs.

    A spreadsheet runs what looks like a formula, also in quotes, and maps may be those of a stranger. So such a label
    has `QUOTE` in front. A label that begins with `QUOTE` has one more.
    """
    # Some programs drop characters that nobody sees.
    seen = "".join(each for each in unicodedata.normalize("NFKC", label) if unicodedata.category(each) not in _UNSEEN)
    is_formula = seen.lstrip().startswith(FORMULAS)
    return QUOTE + label if is_formula else label
