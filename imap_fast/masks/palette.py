"""The colours of numbers in masks."""


def _voc_colour(number: int) -> tuple[int, int, int]:
    """The colour of a number, whose bits are spread over red, green and blue, the lowest first."""
    red, green, blue = (
        sum((number >> 3 * place + channel & 1) << 7 - place for place in range(3)) for channel in range(3)
    )
    return red, green, blue


VOC_PALETTE = tuple(map(_voc_colour, range(256)))
"""The colours of PASCAL VOC, as (R, G, B)."""

DAVIS_COLOURS = 22
"""The numbers that are not grey in the masks of DAVIS, with the background."""

DAVIS_PALETTE = tuple(
    tuple(191 if part == 192 else part for part in VOC_PALETTE[number]) if number < DAVIS_COLOURS else (number,) * 3
    for number in range(256)
)
"""The colours of DAVIS: the first ones of PASCAL VOC, with 191 in place of 192, and greys."""
