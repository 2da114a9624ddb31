"""What the clips of a folder show: the file of captions, or the `meta.json` of YouTube-VOS."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from imap_fast.evaluate.datasets.descriptions import can_name_object, is_text, read_object
from imap_fast.evaluate.datasets.renames import Renames

Texts = dict[str, tuple[str, dict[int, str]]]
"""The caption of each clip, and the names of its objects by number."""

NUMBERS = range(1, 2**16)
"""The numbers that an object can have in a mask."""

_RULE = f"each number from {NUMBERS[0]} to {NUMBERS[-1]} at most once, and no background, which is always measured"


def read_captions(path: Path, renames: Renames) -> Texts:
    """The content of a file of captions, `{clip: {"caption": …, "concepts": {number of the object: name}}}`.

    Raises:
        ValueError: the file has another form.
    """
    texts_of = {}
    for clip, entry in read_object(path).items():
        try:
            caption, names = entry["caption"], _names(entry["concepts"], renames)
        except (AttributeError, KeyError, TypeError, ValueError):
            caption, names = None, {}
        if not names or not is_text(caption):
            raise ValueError(
                f'{path}: write {clip!r} like {{"caption": "a dog runs", "concepts": {{"1": "dog"}}}}, in valid '
                f"Unicode and with {_RULE}, not {entry!r}"
            )
        texts_of[clip] = caption, names
    return texts_of


def read_meta(path: Path, renames: Renames) -> Texts:
    """The same from the categories of YouTube-VOS. They are the caption, too.

    Raises:
        ValueError: the file is missing, or has another form.
    """
    if not path.exists():
        raise ValueError(
            f"{path.parent} has no meta.json that describes its clips; give captions, a JSON object "
            '{clip: {"caption": "a dog runs", "concepts": {"1": "dog"}}}'
        )
    content, texts_of = read_object(path), {}

    def spoken(category: str) -> str:
        return renames(category, category.replace("_", " "))

    clip = None
    try:
        for clip, entry in content["videos"].items():
            objects = entry["objects"].items()
            names = _names({number: each["category"] for number, each in objects}, spoken)
            if not names:
                raise ValueError(f"{clip!r} has no object")
            texts_of[clip] = ", ".join(dict.fromkeys(names.values())), names
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        at = "" if clip is None else f"{clip!r}: "
        raise ValueError(
            f"{path} is not the meta.json of YouTube-VOS ({at}{error!r}); correct it, or give captions instead"
        ) from error
    return texts_of


def _names(objects: dict[str, Any], concept_of: Callable[[str], str]) -> dict[int, str]:
    """What to look for in place of the objects of a clip, by number.

    Raises:
        AttributeError, TypeError, ValueError: the objects do not follow `_RULE`, or have no such names.
    """
    names = {int(number): concept_of(name) for number, name in objects.items()}
    are_numbers = len(names) == len(objects) and all(number in NUMBERS for number in names)
    if not are_numbers or not all(map(can_name_object, names.values())):
        raise ValueError(f"{objects!r}: give names in valid Unicode, with {_RULE}")
    return names
