// Making the page's elements. Text given here stays text.

const SVG = "http://www.w3.org/2000/svg";

// An element with properties, or attributes where a name has a dash or is `role`, and children.
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The two shades of a concept's colour, of which the style sheet takes one or the other.
function colouredAs(made, { bright, deep }) {
  made.style.setProperty("--bright", bright);
  made.style.setProperty("--deep", deep);
  return made;
}
