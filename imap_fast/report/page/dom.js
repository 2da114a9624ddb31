// Creates the elements of the page. Text is never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

// An element with properties and children. Names with a dash, and `role`, are set as attributes.
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

// Sets both shades of the colour of a concept. The style sheet selects one of them.
function colouredAs(made, { bright, deep }) {
  made.style.setProperty("--bright", bright);
  made.style.setProperty("--deep", deep);
  return made;
}
