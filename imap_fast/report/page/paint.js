// Draws levels of the patch grid into a transparent picture over the video.

const FINENESS = 6; // pixels of the side of a patch in smooth maps, which the browser enlarges further
const MASK_FINENESS = 12; // the same of masks, whose edges are sharp
const IN_MASK = 127.5; // the level of a mask from which on a place is in it
const FILLED = 0.7; // the opacity of masks that are filled, so that the video is seen through them

// Bilinear interpolation without aligned corners, as in SaliencyMaps.upsample.
function enlarged(levels, height, width, fineness) {
  const result = new Float32Array(height * width * fineness ** 2);
  const wide = width * fineness;
  const columns = Array.from({ length: wide }, (_, x) => between(x, width, fineness));
  for (let y = 0; y < height * fineness; y++) {
    const [above, below, down] = between(y, height, fineness);
    for (let x = 0; x < wide; x++) {
      const [left, right, across] = columns[x];
      const upper = levels[above * width + left] * (1 - across) + levels[above * width + right] * across;
      const lower = levels[below * width + left] * (1 - across) + levels[below * width + right] * across;
      result[y * wide + x] = upper * (1 - down) + lower * down;
    }
  }
  return result;
}

// Each patch as a square of the same fineness.
function repeated(levels, height, width, fineness) {
  const wide = width * fineness;
  return Float32Array.from({ length: height * fineness * wide }, (_, i) => {
    const y = Math.floor(i / wide / fineness), x = Math.floor((i % wide) / fineness);
    return levels[y * width + x];
  });
}

function between(pixel, patches, fineness) {
  const place = Math.max((pixel + 0.5) / fineness - 0.5, 0);
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

// Masks of concepts, each in its colour, filled or as outlines. Outlines are inside of the masks.
function maskPixels(layers, width, { drawn, opacity }) {
  const pixels = new Uint8ClampedArray(layers[0].levels.length * 4);
  for (const { levels, colour } of layers) {
    const isIn = (i) => levels[i] >= IN_MASK;
    const isInner = (i) => isIn(i - width) && isIn(i + width) && isIn(i - 1) && isIn(i + 1);
    for (let i = 0; i < levels.length; i++) {
      const onSide = i % width === 0 || i % width === width - 1; // its neighbour in the array is in another row
      if (!isIn(i) || (drawn === "outline" && !onSide && isInner(i))) continue;
      pixels.set(colour, 4 * i);
      pixels[4 * i + 3] = 255 * opacity * (drawn === "fill" ? FILLED : 1);
    }
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
