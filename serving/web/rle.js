// COCO compressed run lengths to pixels and back, so that a mask here is the service's to the bit.

/** @typedef {import("./state.js").Rle} Rle */

/** Column-major run lengths, alternating background and object, from COCO's 6-bit characters. @param {string} counts @returns {number[]} */
function runLengths(counts) {
  const runs = [];
  for (let place = 0; place < counts.length; ) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const bits = counts.charCodeAt(place++) - 48;
      value |= (bits & 31) << shift;
      shift += 5;
      more = (bits & 32) !== 0;
      if (!more && bits & 16) value |= -1 << shift;
    }
    // From the fourth on, a run is stored as its difference to the one before the last.
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Write `value` into `pixels` (row-major, one byte each) wherever the mask is set. @param {Uint8Array} pixels @param {Rle} mask @param {number} value */
function paintMask(pixels, mask, value) {
  const [height, width] = mask.size;
  let at = 0;
  runLengths(mask.counts).forEach((run, index) => {
    const end = at + run;
    if (index % 2) {
      let row = at % height;
      let column = (at - row) / height;
      for (let left = run; left > 0; row = 0, column++) {
        const here = Math.min(left, height - row);
        for (let n = row * width + column, stop = n + here * width; n < stop; n += width) pixels[n] = value;
        left -= here;
      }
    }
    at = end;
  });
}

/** A mask's pixels, row-major, 0 or 1. @param {Rle} mask @returns {Uint8Array} */
export function decode(mask) {
  const pixels = new Uint8Array(mask.size[0] * mask.size[1]);
  paintMask(pixels, mask, 1);
  return pixels;
}

/** Pixels (row-major, not 0 is set) as a mask. @param {Uint8Array} pixels @param {number} width @param {number} height @returns {Rle} */
export function encode(pixels, width, height) {
  /** @type {number[]} */
  const runs = [];
  let current = 0;
  let run = 0;
  for (let column = 0; column < width; column++) {
    for (let n = column; n < pixels.length; n += width) {
      const bit = pixels[n] ? 1 : 0;
      if (bit !== current) {
        runs.push(run);
        run = 0;
        current = bit;
      }
      run++;
    }
  }
  runs.push(run);
  const counts = runs.map((value, n) => characters(n > 2 ? value - runs[n - 2] : value)).join("");
  return { size: [height, width], counts };
}

/** @param {number} value */
function characters(value) {
  let text = "";
  for (let more = true; more; ) {
    let bits = value & 31;
    value >>= 5;
    more = bits & 16 ? value !== -1 : value !== 0;
    if (more) bits |= 32;
    text += String.fromCharCode(bits + 48);
  }
  return text;
}
