"""The requests of a run: one for each concept of each map."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imap_fast.judge.rubric import RESPONSE_FORMAT, RUBRIC
from imap_fast.judge.sheet import ContactSheets, jpeg
from imap_fast.maps.saliency_maps import SaliencyMaps


@dataclass(frozen=True)
class Question:
    """A request to judge one concept in one map.

    Attributes:
        concept: the label, as the user wrote it.
        map: name of the map. It is not part of the request.
        shows: whether this map shows the concept if none is named, in a run with motions.
        size: width and height of the contact sheet, in pixels.
        sheet: the contact sheet, a JPEG.
        body: the body of the request to `/chat/completions`.
    """

    concept: str
    map: str
    shows: bool
    size: tuple[int, int]
    sheet: bytes
    body: dict[str, Any]


def questions(maps: SaliencyMaps, video: Path, model: str) -> Iterator[Question]:
    """Yield a question for every concept in every map of one run.

    Args:
        maps: saliency maps of one video.
        video: the file of that video.
        model: name of the judge at its endpoint.

    Raises:
        FileNotFoundError, ValueError: see `ContactSheets`.
    """
    sheets, prompt = ContactSheets(maps, video), maps.settings.get("prompt")
    for name in maps.maps:
        for concept in maps.labels_of(name):
            sheet = sheets.sheet(concept, name)
            picture = jpeg(sheet)
            data = {"prompt": prompt, "concept": concept, "frames": sheets.frames}
            yield Question(
                concept,
                name,
                bool(maps.motions) and name == maps.map_of(concept),
                sheet.size,
                picture,
                _body(model, data, picture),
            )


def _body(model: str, data: dict[str, Any], picture: bytes) -> dict[str, Any]:
    text = json.dumps(data, ensure_ascii=False)  # no \u escapes, which models read less well
    image = {"url": f"data:image/jpeg;base64,{b64encode(picture).decode()}", "detail": "high"}
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": RUBRIC},
            {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": image}]},
        ],
        "response_format": RESPONSE_FORMAT,
        "temperature": 0,
    }
