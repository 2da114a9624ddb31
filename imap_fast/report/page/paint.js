// Draws levels of the patch grid into a transparent picture over the video.

const FINENESS = 6; // pixels of the side of a patch in smooth maps, which the browser enlarges further

// Bilinear interpolation without aligned corners, as in SaliencyMaps.upsample.
function enlarged(levels, height, width) {
  const result = new Float32Array(height * width * FINENESS ** 2);
  const wide = width * FINENESS;
  const columns = Array.from({ length: wide }, (_, x) => between(x, width));
  for (let y = 0; y < height * FINENESS; y++) {
    const [above, below, down] = between(y, height);
    for (let x = 0; x < wide; x++) {
      const [left, right, across] = columns[x];
      const upper = levels[above * width + left] * (1 - across) + levels[above * width + right] * across;
      const lower = levels[below * width + left] * (1 - across) + levels[below * width + right] * across;
      result[y * wide + x] = upper * (1 - down) + lower * down;
    }
  }
  return result;
}

function between(pixel, patches) {
  const place = Math.max((pixel + 0.5) / FINENESS - 0.5, 0);
  const first = Math.min(Math.floor(place), patches - 1);
  return [first, Math.min(first + 1, patches - 1), place - first];
}

// One concept as a heatmap. Hotter patches are more opaque.
function heatPixels(levels, table, { opacity, threshold }) {
  const pixels = new Uint8ClampedArray(levels.length * 4);
  for (let i = 0; i < levels.length; i++) {
    if (levels[i] < threshold * 255) continue;
    const level = Math.round(levels[i]);
    pixels.set(table[level], 4 * i);
    pixels[4 * i + 3] = opacity * level;
  }
  return pixels;
}

// Several concepts, each in its colour. The hottest one wins where they overlap.
function colourPixels(layers, { opacity, threshold }) {
  const pixels = new Uint8ClampedArray(layers[0].levels.length * 4);
  for (let i = 0; i < pixels.length / 4; i++) {
    let red = 0, green = 0, blue = 0, total = 0, highest = 0;
    for (const { levels, colour } of layers) {
      const level = levels[i] / 255;
      if (level < threshold) continue;
      const weight = level ** 6;
      red += weight * colour[0];
      green += weight * colour[1];
      blue += weight * colour[2];
      total += weight;
      highest = Math.max(highest, level);
    }
    if (total === 0) continue;
    pixels[4 * i] = red / total;
    pixels[4 * i + 1] = green / total;
    pixels[4 * i + 2] = blue / total;
    pixels[4 * i + 3] = 255 * opacity * highest ** 3; // cubed, so that low values do not veil the video
  }
  return pixels;
}

// "0d0887…" → [[13, 8, 135], …]
function colourTable(hex) {
  return hex.match(/.{6}/g).map((colour) => rgb(`#${colour}`));
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
