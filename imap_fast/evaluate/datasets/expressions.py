"""Files of expressions, each of which refers to something in a video: the `meta_expressions.json` of referring data."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from imap_fast.evaluate.datasets.descriptions import can_name_object, is_text, read_object
from imap_fast.evaluate.datasets.noun_phrase import noun_phrase
from imap_fast.evaluate.datasets.pictures import natural
from imap_fast.evaluate.datasets.renames import Renames
from imap_fast.evaluate.datasets.skipped import EXPRESSIONS, NAMELESS, RENAMES, UNDESCRIBED, VIDEOS
from imap_fast.maps.schema import first_fault

FILE = "meta_expressions.json"

_Number = Annotated[int, Field(ge=0, lt=2**31)]


class _Expression(BaseModel):
    exp: str
    obj_id: _Number | list[_Number] | None = None
    anno_id: _Number | list[_Number] | None = None


class _Video(BaseModel):
    expressions: dict[str, _Expression]
    frames: list[str] | None = None


class _Videos(BaseModel):
    videos: dict[str, _Video]


class Expression(NamedTuple):
    """An expression of a video: a clip to evaluate.

    Attributes:
        video: the name of its video.
        text: the expression, which is the caption.
        concept: what to look for. Empty if it begins with no name.
        objects: the numbers of the objects that it refers to.
        annotations: the numbers of their annotations. Empty if the data set has none.
        frames: the names of the frames of the video in their order, without suffix. Empty if the file does not say.
    """

    video: str
    text: str
    concept: str
    objects: tuple[int, ...]
    annotations: tuple[int, ...]
    frames: tuple[str, ...]


def read_expressions(path: Path, renames: Renames) -> dict[str, Expression]:
    """The expressions of a file by the name of their clip, `<video>-<number of the expression>`, in order.

    The concept of an expression is what `renames` looks for in its place, or else its `noun_phrase`.

    Raises:
        ValueError: the file has another form, or a name leads to another folder.
    """
    try:
        videos = _Videos.model_validate(read_object(path)).videos
    except ValidationError as error:
        raise ValueError(f"{path} has not the form of a {FILE} ({first_fault(error)}); copy it again") from error
    found = {}
    for name, video in sorted(videos.items()):
        _check_names(path, [name, *(video.frames or ())])
        for number, each in sorted(video.expressions.items(), key=lambda item: (len(item[0]), item[0])):
            if not number.isdecimal() or not is_text(each.exp):
                raise ValueError(
                    f"{path}: the expression {number[:60]!r} of {name!r} is no number, or no text in valid Unicode; "
                    "copy it again"
                )
            text = each.exp.strip()
            frames = tuple(sorted(video.frames or (), key=natural))
            found[f"{name}-{number}"] = Expression(
                name, text, renames(text, noun_phrase(text)), _numbers(each.obj_id), _numbers(each.anno_id), frames
            )
    return found


def choose(
    found: Mapping[str, Expression], there: Collection[str], renames: Renames, has_masks: Callable[[Expression], Any]
) -> tuple[dict[str, Expression], dict[str, list[str]]]:
    """The expressions that can be measured, and the names of all others by why.

    Args:
        found: from `read_expressions`.
        there: the names of the videos that there are. A name that leads elsewhere is none of them.
        renames: given to `read_expressions`.
        has_masks: whether the data set has masks of what an expression refers to.

    Raises:
        ValueError: expressions have masks, and none of these begins with a name.
    """
    shown = {name: each for name, each in found.items() if each.video in there}
    masked = {name: each for name, each in shown.items() if has_masks(each)}
    read = {name: each for name, each in masked.items() if can_name_object(each.concept)}
    if masked and not read:
        raise ValueError(
            f"none of the {len(masked)} expressions with masks begins with a name; give concepts, a JSON object "
            "{expression: what to look for}"
        )
    described = {each.video for each in found.values()}
    return read, {
        VIDEOS: sorted(described - set(there)),
        UNDESCRIBED: sorted(set(there) - described),
        EXPRESSIONS: [name for name in shown if name not in masked],
        NAMELESS: [name for name in masked if name not in read],
        RENAMES: renames.unused,
    }


def _numbers(given: Any) -> tuple[int, ...]:
    if given is None:
        return ()
    return tuple(given) if isinstance(given, list) else (given,)


def _check_names(path: Path, names: list[str]) -> None:
    """Raise ValueError for a name that is none of a file or folder in the folder where it is looked for."""
    for name in names:
        if not is_text(name) or name.startswith(".") or set(name) & set("/\\\0:") or len(name) > 200:
            raise ValueError(f"{path}: {name[:60]!r} is no name of a video or a frame; correct it")
