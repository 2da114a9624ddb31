"""The code of a page in Markdown: its fenced blocks, which of them run, and its inline code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

RUN = ("python", "bash")
"""The languages whose blocks run. All others are text."""

OTHER_NAMES = {"py": "python", "python3": "python", "pycon": "python"}
OTHER_NAMES |= dict.fromkeys(("sh", "shell", "console", "zsh", "shell-session"), "bash")
"""Languages under which a block would not run, and the name under which it does."""

MARK = re.compile(r"<!--\s*not run\b:?\s*(.*?)\s*-->", re.DOTALL)
"""The comment directly above a block that does not run. It gives the reason."""

FENCE = re.compile(r"^\s*(?:[`]{3,}|[~]{3,})\s*([\w-]+)")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: of its fence, from 1.
        language: the first word after the fence; empty if there is none.
        code: what is between the fences.
        reason: why it does not run; None if it has no mark.
    """

    line: int
    language: str
    code: str
    reason: str | None

    @property
    def runs(self) -> bool:
        """Whether it is code that runs."""
        return self.language in RUN and self.reason is None


@dataclass(frozen=True)
class Page:
    """What a page holds, in the order of the page.

    Attributes:
        blocks: its fenced blocks.
        inline: its inline code, `(line, code)`. The line is that of the paragraph or table row.
        faults: what a reader of the page must know is wrong with its blocks, as `line: text`.
    """

    blocks: tuple[Block, ...]
    inline: tuple[tuple[int, str], ...]
    faults: tuple[str, ...]


def read_page(text: str) -> Page:
    """Read the code of a page. Blocks inside lists and quotes count, too."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    marks, faults = _marks(tokens)
    blocks = []
    for token in tokens:
        if token.type != "fence":
            continue
        begin, language = _lines(token)[0], (token.info.split() or [""])[0].lower()
        reason = marks.pop(begin, None)
        if reason is not None and language not in RUN:
            faults.append(f"{begin + 1}: only {' and '.join(RUN)} blocks run; remove the mark above this one")
        if language in OTHER_NAMES:
            faults.append(f"{begin + 1}: a {language} block does not run; call it {OTHER_NAMES[language]}")
        blocks.append(Block(begin + 1, language, token.content, reason))
    faults += [f"{line}: this mark is not directly above a block; move or remove it" for line in marks]
    faults += _hidden(text, tokens, {block.line for block in blocks})
    inline = [
        (_lines(token)[0] + 1, child.content)
        for token in tokens
        for child in token.children or ()
        if child.type == "code_inline"
    ]
    return Page(tuple(blocks), tuple(inline), tuple(faults))


def _marks(tokens: list[Token]) -> tuple[dict[int, str], list[str]]:
    """The reasons of all marks, by the line after the mark, from 0; and the marks that give none."""
    marks, faults = {}, []
    for token in tokens:
        mark = MARK.search(token.content) if token.type == "html_block" else None
        if mark is None:
            continue
        begin, end = _lines(token)
        marks[end] = mark[1]
        if not mark[1]:
            faults.append(f"{begin + 1}: this mark gives no reason; write <!-- not run: the reason -->")
    return marks, faults


def _hidden(text: str, tokens: list[Token], found: set[int]) -> list[str]:
    """Fences that Markdown does not read as such, because they are indented too far or stand in HTML."""
    inside = {line for token in tokens if token.type == "fence" for line in range(*_lines(token))}
    return [
        f"{number}: this fence is not read as a block; do not indent it, and leave a line free above it"
        for number, line in enumerate(text.splitlines(), 1)
        if (fence := FENCE.match(line)) and fence[1].lower() in (*RUN, *OTHER_NAMES)
        if number not in found and number - 1 not in inside
    ]


def _lines(token: Token) -> tuple[int, int]:
    """The first line of a token from 0, and the one after its last."""
    begin, end = token.map or (0, 0)
    return begin, end
