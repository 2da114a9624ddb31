// Reads the data of the page. Each piece is a script element, which is removed after reading.

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
