"""The page on troubleshooting has every message that a user can meet, and no other one."""

import re
import textwrap
from collections import Counter

from tests.docs.messages import ROOT, messages

PAGE = ROOT / "docs" / "troubleshooting.md"

LEFT_OUT = {
    "reasons, which are said inside `… is damaged or holds no saliency maps (…)`, the same of masks, or "
    "`… is damaged: …`, or in `… is damaged or holds no points (…)`": {
        "a point is not finite",
        "a visible point is not in the picture; points are shares of width and height",
        "its video is no name of a file",
        "occluded is not 0 or 1 of each point in each frame",
        "points are … … and not fp32 [N, T, 2]",
        "a label is there twice",
        "a value is there twice",
        "an integer has more than 64 bits",
        "arrays do not have … latent frames",
        "it has no … of the same layers",
        "it has results of no window",
        "it has the pending maps …",
        "it is another file than the one that was loaded",
        "it names the maps … and the arrays …",
        "its arrays are others",
        "its content is not what was written",
        "its masks do not fit its record",
        "its members are compressed; np.savez leaves them as they are",
        "its members are not arrays with a name each",
        "its members claim to be larger than the file",
        "its record is no object with a format",
        "its times are none",
        "its … is missing or not that of its content",
        "must be one of …, not …",
        "must be some of …, not …",
        "pending maps have different lengths",
        "pending … does not continue its array",
        "values are nested deeper than … levels",
        "… belongs to no map",
        "… is missing",
        "… is no C-ordered array of fp32, fp64, int64 or uint8",
        "… is no array of fp32, fp64 or int64",
        "… is not as large as its shape …",
        "… is not finite",
    },
    "reasons, which are said inside another message of the same file or of the one that calls it": {
        "a line is longer than … MiB",
        "a mask has more than … pixels",
        "a mask has the size …, and its frame …",
        'a mask is no {"size": [height, width], "counts": …}',
        "a line is not what was written",
        "an object has the key … twice",
        "the counts of a mask are neither text nor whole numbers",
        "the counts of a mask are no text of COCO",
        "the counts of a mask do not fill it",
        "the counts of a mask end within a number",
        "its config is of the class …, which is no VAE of diffusers",
        "metrics: a measure is missing, or it is not one of every method",
        "the measures of … are others",
        "there is no such folder",
        "… has no object",
        "… has no …, which could not be written",
        "… holds another run",
        "… is a truth value",
        "… is larger than … MiB",
        "… is not a regular file",
    },
    "errors of our own code: only a new adapter, or a change to the trace, can meet them": {
        "no forward pass is read at the moment",
        "the attention output of the text rows was not computed",
        "there is no variation without two repeats, and … ended",
        "… has no concept stream",
        "… has no …",
    },
}
"""Messages that are not on the page, by why."""


def on_the_page() -> list[str]:
    """The messages of the page: items of lists that are code and nothing else."""
    items = re.findall(r"^- (`+)(.+?)\1$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [" ".join(item.split()) for _, item in items]


def as_code(message: str) -> str:
    if "`" not in message:
        return f"`{message}`"
    return f"``{message} ``" if message.endswith("`") else f"``{message}``"


def test_the_page_has_every_message_and_no_other():
    found, page = messages(), on_the_page()
    left_out = {message for each in LEFT_OUT.values() for message in each}
    missing = [
        f"- {as_code(message)}   of {', '.join(sorted(places))}"
        for message, places in found.items()
        if message not in page and message not in left_out
    ]
    assert not missing, "add to docs/troubleshooting.md, with cause and remedy:\n" + "\n".join(missing)
    gone = [message for message in page if message not in found]
    assert not gone, "no code says this any more; remove from docs/troubleshooting.md:\n" + "\n".join(gone)
    assert not left_out - found.keys(), "no code says this any more; remove from LEFT_OUT"
    assert not left_out & set(page), "on the page, so not left out"
    assert [message for message, count in Counter(page).items() if count > 1] == []


def test_every_entry_says_more_than_its_messages():
    for entry in re.split(r"^(?=- `)", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        block = re.sub(r"^- (`+).+?\1$", "", entry, count=1, flags=re.MULTILINE | re.DOTALL)
        is_last = not entry.endswith("`\n") or PAGE.read_text("utf-8").endswith(entry)
        assert not is_last or re.search(r"^\w|^`", block.strip()), f"no cause and remedy: {textwrap.shorten(entry, 80)}"


def test_a_message_is_collected_in_each_of_its_forms(tmp_path):
    (tmp_path / "imap_fast").mkdir()
    (tmp_path / "imap_fast" / "a.py").write_text(
        textwrap.dedent(
            """
            REMEDY = "stop"

            def refuse(value, file):
                reason = f"{value}{file} is wrong"
                if file:
                    raise ValueError(reason)
                message = f"{value} is old"
                if value:
                    message += "; renew it" if file else "; drop it"
                warnings.warn(message)
                raise OSError(REMEDY if value else str(file)) from None

            def damaged(path):
                return SomeFailed("no {} in {}".format(1, path))

            class OwnError(ValueError):
                def __init__(self, layer):
                    super().__init__(f"block {layer} failed")
            """
        )
    )
    assert set(messages(tmp_path)) == {
        "… is wrong",
        "… is old",
        "… is old; renew it",
        "… is old; drop it",
        "stop",
        "no … in …",
        "block … failed",
    }
