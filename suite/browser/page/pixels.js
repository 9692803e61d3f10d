// Pixels as the suite trains on them: the whole picture stretched, bilinear and antialiased, in the very
// arithmetic of Pillow's `Image.resize(size, BILINEAR)`, so that the page sees what Python measured.

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

/**
 * Stretches a whole picture to another size.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} image RGBA as a canvas gives it, opaque.
 * @param {number} width In pixels.
 * @param {number} height In pixels.
 * @returns {Uint8Array} (height, width, 3) RGB.
 */
export function stretch(image, width, height) {
  const columns = coefficients(image.width, width);
  const rows = coefficients(image.height, height);
  return stretchRows(stretchColumns(image, width, columns), width, height, rows);
}

/**
 * Luma of ITU-R 601-2, as Pillow's `convert("L")`.
 *
 * @param {Uint8Array} rgb (n, 3).
 * @returns {Uint8Array} (n,).
 */
export function toGray(rgb) {
  const gray = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < gray.length; i += 1, j += 3) {
    gray[i] = (rgb[j] * 19595 + rgb[j + 1] * 38470 + rgb[j + 2] * 7471 + 0x8000) >> 16;
  }
  return gray;
}

/**
 * Turns pixels into the values that a model takes.
 *
 * @param {Uint8Array} pixels In [0, 255].
 * @param {(number|number[])[]} range [low, high], the values of black and white; of each channel where they differ.
 * @returns {Float32Array} Of the same length.
 */
export function valuesOf(pixels, [low, high]) {
  const [lows, highs] = [[low].flat(), [high].flat()];
  return Float32Array.from(pixels, (pixel, i) => {
    const channel = i % lows.length;
    return (pixel / 255) * (highs[channel] - lows[channel]) + lows[channel];
  });
}

// For each pixel of a line of `to` pixels: where its share of one of `from` pixels begins, and its weights.
function coefficients(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, index) => {
    const center = (index + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), from);
    const weights = [];
    for (let x = start; x < end; x += 1) {
      weights.push(Math.max(1 - Math.abs((x - center + 0.5) / support), 0));
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const fixed = weights.map((weight) => Math.trunc(0.5 + (weight / total) * (1 << PRECISION_BITS)));
    return { start, weights: Int32Array.from(fixed) };
  });
}

// (height, from, RGBA) to (height, width, RGB)
function stretchColumns({ data, width: from, height }, width, columns) {
  const out = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const { start, weights } = columns[x];
      let [red, green, blue] = [HALF, HALF, HALF];
      for (let k = 0, at = (y * from + start) * 4; k < weights.length; k += 1, at += 4) {
        red += data[at] * weights[k];
        green += data[at + 1] * weights[k];
        blue += data[at + 2] * weights[k];
      }
      const to = (y * width + x) * 3;
      out[to] = red >> PRECISION_BITS;
      out[to + 1] = green >> PRECISION_BITS;
      out[to + 2] = blue >> PRECISION_BITS;
    }
  }
  return out;
}

// (any, width, RGB) to (height, width, RGB)
function stretchRows(pixels, width, height, rows) {
  const row = width * 3;
  const out = new Uint8Array(height * row);
  for (let y = 0; y < height; y += 1) {
    const { start, weights } = rows[y];
    for (let x = 0; x < row; x += 1) {
      let sum = HALF;
      for (let k = 0, at = start * row + x; k < weights.length; k += 1, at += row)
        sum += pixels[at] * weights[k];
      out[y * row + x] = sum >> PRECISION_BITS;
    }
  }
  return out;
}
