"""The file of a page: HTML that needs no other file and no network."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from imap_fast.files import atomic_write

STYLES = ("page", "player", "controls", "panels")
"""Style sheets of `page/`, in the order in which they are joined."""

CHUNK = 3 << 18
"""Bytes that are encoded at once. A multiple of 3, so that the parts join to one base64 text."""

Block = tuple[str, str, Iterable[str]]
"""Data that the script of the page reads: its id, its media type and its text."""


@dataclass(frozen=True)
class Layout:
    """The parts of a page.

    Attributes:
        kind: what the page is, as its title says it.
        panels: what is side by side.
        sections: the file of `page/` with what is below the player.
        help: the file of `page/` with what explains these parts.
        scripts: files of `page/`, in the order in which they are joined.
    """

    kind: str
    panels: str
    sections: str
    help: str
    scripts: tuple[str, ...]


def check_suffix(path: str | os.PathLike) -> Path:
    """The path of a page; raise ValueError if it does not end in .html."""
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is saved as .html, not {path.name!r}")
    return path


def write_page(path: Path, layout: Layout, threshold: float | str, blocks: Iterable[Block]) -> None:
    """Write a page atomically. `threshold` is that of its masks."""
    head, tail = _around_blocks(layout, threshold)
    with atomic_write(path) as unfinished, unfinished.open("w", encoding="utf-8") as page:
        page.write(head)
        for name, media_type, parts in blocks:
            page.write(f'<script type="{media_type}" id="{name}">')  # a browser does not execute it
            page.writelines(parts)
            page.write("</script>\n")
        page.write(tail)


def _around_blocks(layout: Layout, threshold: float | str) -> tuple[str, str]:
    """The HTML before and after the data."""
    folder = files("imap_fast.report") / "page"

    def read(name: str) -> str:
        return (folder / name).read_text("utf-8")

    style = "\n".join(read(f"{name}.css") for name in STYLES)
    script = "\n".join(read(f"{name}.js") for name in layout.scripts)
    parts = {
        "kind": layout.kind,
        "viewer": Template(read("viewer.html")).safe_substitute(panels=layout.panels),
        "help": Template(read("help.html")).safe_substitute(more_help=read(layout.help), threshold=threshold),
        "sections": read(layout.sections),
    }
    page = Template(read("page.html")).safe_substitute(parts, policy=_policy(style, script), style=style, script=script)
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


def json_block(name: str, value: Any) -> Block:
    """JSON in ASCII, without the characters that begin or end markup."""
    text = json.dumps(value, allow_nan=False)
    return name, "application/json", [text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")]


def bytes_block(name: str, content: bytes) -> Block:
    """Bytes as base64."""
    return name, "text/plain", [b64encode(content).decode()]


def file_block(name: str, file: Path) -> Block:
    """A file as base64. A part of it is in memory at a time."""
    return name, "text/plain", _encoded(file)


def _encoded(file: Path) -> Iterator[str]:
    with file.open("rb") as content:
        while part := content.read(CHUNK):
            yield b64encode(part).decode()
