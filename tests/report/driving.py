"""Operates the page in tests, and reads its picture."""

import io
import re
from base64 import b64decode

import numpy as np
from PIL import Image

# Records, for each page, its videos and the number of running decompressions.
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

# Idle twice in a row, because the end of one task can start another.
AWAIT_WORK = """async () => {
  for (let idle = 0; idle < 2; ) {
    await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
    idle = work.unpacking || work.videos.some((video) => video.seeking) ? 0 : idle + 1;
  }
}"""

DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}


def await_frame(page, frame: int) -> None:
    """Wait until the page shows this frame, and has nothing left to do."""
    from playwright.sync_api import expect

    expect(page.locator("#clock")).to_have_text(re.compile(rf"^{frame} /"))
    page.evaluate(AWAIT_WORK)


def scrub(page, frame: int) -> None:
    page.locator("#scrubber").fill(str(frame))
    await_frame(page, frame)


def show_heat(page, concept: str, opacity: int) -> None:
    """Select the heatmap of one concept, without smoothing."""
    page.get_by_label("Heat map").check()
    page.get_by_role("radio", name=concept, exact=True).check()
    page.get_by_label("Patches").check()
    page.locator("#opacity").fill(str(opacity))
    page.evaluate(AWAIT_WORK)


def picture(page) -> np.ndarray:
    """The picture of the first panel, int `[H, W, 3]` in [0, 255]."""
    page.evaluate(AWAIT_WORK)
    url = page.evaluate("document.querySelector('#stage canvas').toDataURL()")
    png = b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
