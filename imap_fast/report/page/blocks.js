// The data that came with the page, one script element for each piece, which is taken out once it is read.

function takeText(id) {
  const element = document.getElementById(id);
  element.remove();
  return element.textContent;
}

function takeBytes(id) {
  const text = takeText(id);
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// "0d0887…" → [[13, 8, 135], …]
function colourTable(hex) {
  return hex.match(/.{6}/g).map((colour) => rgb(`#${colour}`));
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// An element with properties, attributes where a name has a dash or is `role`, and children; text stays text.
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}
