"""The thresholds that a user can name. Torch is not imported, because it is slow to load."""

import re

OTSU, OTSU_TWICE = "otsu", "otsu-twice"

Threshold = float | str
"""What `check_threshold` returns."""


def check_threshold(threshold: Threshold) -> Threshold:
    """A threshold as it is used: `"otsu"`, `"otsu-twice"`, a percentile such as `"90%"`, or a number from 0 to 1.

    Raises:
        TypeError: another type.
        ValueError: another text, or a number outside.
    """
    wrong = (
        f'threshold={threshold!r} is none of "otsu", "otsu-twice", a percentile such as "90%", and a number from 0 to '
        "1 on the scale of the concept"
    )
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float, str)):
        raise TypeError(wrong)
    if threshold in (OTSU, OTSU_TWICE):
        return threshold
    percent = re.fullmatch(r"\s*([0-9.]+)\s*%\s*", threshold) if isinstance(threshold, str) else None
    try:
        number = float(percent[1] if percent else threshold)
    except ValueError as error:
        raise ValueError(wrong) from error
    if not 0 <= number <= (100 if percent else 1):  # NaN compares false, and is refused, too
        raise ValueError(wrong)
    return f"{number:g}%" if percent else number
