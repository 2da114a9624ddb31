"""How the tests work the page, and read what it shows."""

import io
import re
from base64 import b64decode

import numpy as np
from PIL import Image

DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}


def await_frame(page, frame: int) -> None:
    """Wait until the page shows that frame."""
    from playwright.sync_api import expect

    expect(page.locator("#clock")).to_have_text(re.compile(rf"^{frame} /"))


def scrub(page, frame: int) -> None:
    page.locator("#scrubber").fill(str(frame))
    await_frame(page, frame)


def show_heat(page, concept: str, opacity: int) -> None:
    """One concept as a heat map, patch by patch."""
    page.get_by_label("Heat map").check()
    page.get_by_role("radio", name=concept, exact=True).check()
    page.get_by_label("Patches").check()
    page.locator("#opacity").fill(str(opacity))


def picture(page) -> np.ndarray:
    """What the first panel's canvas holds, `[H, W, 3]` in 0 … 255."""
    url = page.evaluate("document.querySelector('#stage canvas').toDataURL()")
    png = b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
