"""Which part of a frame a model sees: the frame is scaled to cover the size of the model, and cropped evenly."""


def cover_size(source_height: int, source_width: int, height: int, width: int) -> tuple[int, int]:
    """The smallest size with the aspect ratio of the source that covers `height × width`."""
    scale = max(height / source_height, width / source_width)
    return max(height, round(source_height * scale)), max(width, round(source_width * scale))


def kept_window(source_height: int, source_width: int, height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of the source that `resize_and_crop` keeps, rounded to whole pixels."""
    cover = cover_size(source_height, source_width, height, width)
    rows, columns = (
        _kept(source, scaled, target)
        for source, scaled, target in zip((source_height, source_width), cover, (height, width), strict=True)
    )
    return rows, columns


def _kept(source: int, scaled: int, target: int) -> slice:
    first = (scaled - target) // 2
    return slice(round(first * source / scaled), round((first + target) * source / scaled))
