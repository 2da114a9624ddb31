"""Writes the report: one HTML file that needs no other file and no network."""

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from imap_fast.files import atomic_write
from imap_fast.report.data import ReportData
from imap_fast.report.figures import figures
from imap_fast.report.page_content import content, plane_id
from imap_fast.report.planes import pack
from imap_fast.report.video import embed_video
from imap_fast.video.clip import Clip
from imap_fast.video.decode import VideoFile

SCRIPTS = (
    *("dom", "data", "file_time", "planes", "paint", "player", "view", "stage", "transport", "timeline", "meaning"),
    *("heads", "run", "help", "main"),
)
STYLES = ("page", "player", "controls", "panels")
"""Files of `page/`, in the order in which they are joined to one script and one style sheet."""

CHUNK = 3 << 18
"""Bytes that are encoded at once. A multiple of 3, so that the parts join to one base64 text."""


def write_report(path: str | os.PathLike, data: ReportData, video: Clip | VideoFile) -> None:
    """Write the report of one video; see `SaliencyMaps.report`.

    Args:
        path: the page, ending in .html.
        data: what it shows.
        video: the video that the maps were read from.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is saved as .html, not {path.name!r}")
    head, tail = _page()
    with TemporaryDirectory() as folder, atomic_write(path) as unfinished:
        embedded = embed_video(video, data.read, Path(folder))
        page_content = content(data, embedded)
        drawn = list(figures(data, embedded))
        page_content["figures"] = [{"name": name, "type": media_type} for name, media_type, _ in drawn]
        with unfinished.open("w", encoding="utf-8") as report:
            report.write(head)
            _block(report, "content", "application/json", [_safe_json(page_content)])
            with embedded.file.open("rb") as mp4:
                _block(report, "video", "text/plain", _base64(iter(lambda: mp4.read(CHUNK), b"")))
            for number, (_, values) in enumerate(data.maps.values()):
                for concept, plane in enumerate(values):
                    _block(report, plane_id(number, concept), "text/plain", _base64([pack(plane)]))
            for name, _, figure in drawn:
                _block(report, f"figure-{name}", "text/plain", _base64([figure]))
            report.write(tail)


def _page() -> tuple[str, str]:
    """The HTML before and after the data."""
    folder = files("imap_fast.report") / "page"
    style, script = (
        "\n".join((folder / f"{name}.{kind}").read_text("utf-8") for name in names)
        for kind, names in (("css", STYLES), ("js", SCRIPTS))
    )
    template = Template((folder / "page.html").read_text("utf-8"))
    explained = (folder / "help.html").read_text("utf-8")
    page = template.safe_substitute(policy=_policy(style, script), style=style, script=script, help=explained)
    head, tail = page.split("$blocks")
    return head, tail


def _policy(style: str, script: str) -> str:
    """The content security policy: nothing is loaded, and only this style and this script are allowed."""
    allowed = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "blob:",
        "media-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{directive} {sources}" for directive, sources in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _safe_json(value: Any) -> str:
    """JSON in ASCII, without the characters that begin or end markup."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _base64(parts: Iterable[bytes]) -> Iterator[str]:
    return (b64encode(part).decode() for part in parts)


def _block(report: TextIO, name: str, media_type: str, parts: Iterable[str]) -> None:
    """Write data that the script of the page reads by its id, and that a browser does not execute."""
    report.write(f'<script type="{media_type}" id="{name}">')
    report.writelines(parts)
    report.write("</script>\n")
