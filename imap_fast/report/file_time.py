"""Times of the file that was read, as texts."""

import math


def file_time(seconds: float) -> str:
    """A time to hundredths of a second: `2.5 s`, or `1:20.25` from a minute on. `page/file_time.js` writes the same."""
    hundredths = math.floor(100 * seconds + 0.5)  # `round` would round halves to even, and a browser does not
    minutes, rest = divmod(hundredths, 6000)
    if minutes:
        return f"{minutes}:{rest / 100:05.2f}".removesuffix("0")
    return f"{rest / 100:.2f}".removesuffix("0") + " s"
