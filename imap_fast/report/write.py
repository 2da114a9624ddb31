"""Everything → one HTML file that needs no other and asks for nothing from anywhere."""

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TextIO

from imap_fast.files import whole_file
from imap_fast.report.content import content
from imap_fast.report.figures import figures
from imap_fast.report.footage import footage
from imap_fast.report.planes import pack

if TYPE_CHECKING:
    from imap_fast.maps import SaliencyMaps

SCRIPTS = ("dom", "data", "planes", "paint", "player", "view", "stage", "transport", "timeline", "heads", "run", "main")
STYLES = ("page", "player", "controls", "panels")
"""Files of `page/`, in the order in which they make up the page's one script and one style sheet."""

CHUNK = 3 << 18
"""Bytes of a file that are encoded at once; a multiple of 3, so that the parts join to one base64 text."""


def write_report(maps: "SaliencyMaps", path: str | os.PathLike, video: Any, run: Mapping[str, Any]) -> None:
    """Write the report of one video's maps; see `SaliencyMaps.report`."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is saved as .html, not {path.name!r}")
    head, tail = _page()
    with TemporaryDirectory() as folder, whole_file(path) as unfinished:
        shown = footage(maps, video, Path(folder))
        told = content(maps, shown, run)
        drawn = list(figures(maps, shown))
        told["figures"] = [{"name": name, "type": media_type} for name, media_type, _ in drawn]
        with unfinished.open("w", encoding="utf-8") as report:
            report.write(head)
            _block(report, "content", "application/json", [_safe_json(told)])
            with shown.file.open("rb") as mp4:
                _block(report, "video", "text/plain", _base64(iter(lambda: mp4.read(CHUNK), b"")))
            for place, given in enumerate(told["maps"]):
                for concept, values in enumerate(maps.maps[given["name"]]):
                    _block(report, f"planes-{place}-{concept}", "text/plain", _base64([pack(values)]))
            for name, _, figure in drawn:
                _block(report, f"figure-{name}", "text/plain", _base64([figure]))
            report.write(tail)


def _page() -> tuple[str, str]:
    """The page before and after its data."""
    folder = files("imap_fast.report") / "page"
    style, script = (
        "\n".join((folder / f"{name}.{kind}").read_text("utf-8") for name in names)
        for kind, names in (("css", STYLES), ("js", SCRIPTS))
    )
    template = Template((folder / "page.html").read_text("utf-8"))
    page = template.safe_substitute(policy=_policy(style, script), style=style, script=script)
    head, tail = page.split("$blocks")
    return head, tail


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, and only this style and this script may take effect."""
    allowed = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "blob:",
        "media-src": "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {where}" for what, where in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _safe_json(value: Any) -> str:
    """JSON in ASCII that holds no character with which markup could begin or end."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _base64(parts: Iterable[bytes]) -> Iterator[str]:
    return (b64encode(part).decode() for part in parts)


def _block(report: TextIO, name: str, media_type: str, parts: Iterable[str]) -> None:
    """Data that the page's script reads by its id, and that a browser does not run."""
    report.write(f'<script type="{media_type}" id="{name}">')
    report.writelines(parts)
    report.write("</script>\n")
