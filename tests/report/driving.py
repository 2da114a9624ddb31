"""How the tests work the page, and read what it shows."""

import io
import re
from base64 import b64decode

import numpy as np
from PIL import Image

# For each page: the videos that it made, and how much it is unpacking.
NOTE_WORK = """(() => {
  const work = (window.work = { videos: [], unpacking: 0 });
  const { createElement } = document, { arrayBuffer } = Response.prototype;
  document.createElement = (name) => {
    const made = createElement.call(document, name);
    if (name === "video") work.videos.push(made);
    return made;
  };
  Response.prototype.arrayBuffer = function () {
    work.unpacking++;
    return arrayBuffer.call(this).finally(() => work.unpacking--);
  };
})()"""

# Twice in a row: what has come to its end may begin something else.
AWAIT_WORK = """async () => {
  for (let idle = 0; idle < 2; ) {
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
    idle = work.unpacking || work.videos.some((video) => video.seeking) ? 0 : idle + 1;
  }
}"""

DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}


def await_frame(page, frame: int) -> None:
    """Wait until the page shows that frame, and is not about to show another."""
    from playwright.sync_api import expect

    expect(page.locator("#clock")).to_have_text(re.compile(rf"^{frame} /"))
    page.evaluate(AWAIT_WORK)


def scrub(page, frame: int) -> None:
    page.locator("#scrubber").fill(str(frame))
    await_frame(page, frame)


def show_heat(page, concept: str, opacity: int) -> None:
    """One concept as a heat map, patch by patch."""
    page.get_by_label("Heat map").check()
    page.get_by_role("radio", name=concept, exact=True).check()
    page.get_by_label("Patches").check()
    page.locator("#opacity").fill(str(opacity))
    page.evaluate(AWAIT_WORK)


def picture(page) -> np.ndarray:
    """What the first panel's canvas holds, `[H, W, 3]` in 0 … 255."""
    page.evaluate(AWAIT_WORK)
    url = page.evaluate("document.querySelector('#stage canvas').toDataURL()")
    png = b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
