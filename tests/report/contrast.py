"""Contrast as in WCAG 2.2, measured in a browser."""

_RATIO = """
const channels = (colour) => colour.match(/[0-9.]+/g).map(Number);
const luminance = (colour) => {
  const [red, green, blue] = channels(colour).slice(0, 3).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ratio = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if (channels(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
"""

MEASURE_TEXT = f"""() => {{ {_RATIO}
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {{
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest("script, noscript")) continue;
    found.push({{
      text: walker.currentNode.data.trim().slice(0, 40),
      ratio: ratio(getComputedStyle(node).color, ground(node)),
    }});
  }}
  return found;
}}"""

MEASURE_LINES = f"""(wanted) => {{ {_RATIO}
  return wanted.flatMap(([selector, property]) =>
    [...document.querySelectorAll(selector)].map((node) => ({{
      selector,
      ratio: ratio(getComputedStyle(node)[property], ground(node.parentElement)),
    }})),
  );
}}"""

FIELDS_AND_LINES = [
    ("#timeline polyline", "stroke"),
    (".help", "borderTopColor"),
    (".playhead", "borderLeftColor"),
    (".swatch", "borderTopColor"),
    (".segments", "borderTopColor"),
    (".downloads button", "borderTopColor"),
    (".play", "backgroundColor"),
]
"""Elements without text that must be visible: the selector, and the property of the colour."""
