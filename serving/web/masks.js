// Masks as pixels (row-major bytes, 0 or 1): their outline, their box, and what a brush does to them.

/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Box} Box */

// Right, down, left, up: steps along pixel corners, the mask on the right hand.
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
];

/** The tight half-open box of a mask, null for an empty one. @param {Uint8Array} pixels @param {number} width @returns {Box | null} */
export function tightBox(pixels, width) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  for (let n = pixels.indexOf(1); n !== -1; n = pixels.indexOf(1, n + 1)) {
    const x = n % width;
    const y = (n - x) / width;
    x0 = Math.min(x0, x);
    x1 = Math.max(x1, x + 1);
    y0 = Math.min(y0, y);
    y1 = y + 1;
  }
  return y1 < 0 ? null : [x0, y0, x1, y1];
}

/** Rings [x0, y0, x1, y1, …] along pixel corners; filled by the even-odd rule they give the mask exactly. @param {Uint8Array} pixels @param {number} width @returns {number[][]} */
export function rings(pixels, width) {
  const box = tightBox(pixels, width);
  if (!box) return [];
  const [x0, y0, x1] = box;
  const wide = x1 - x0 + 1;
  const open = edges(pixels, width, box);
  const found = [];
  for (let start = 0; start < open.length; start++) {
    while (open[start]) found.push(follow(open, start, wide, x0, y0));
  }
  return found;
}

/** For each corner of the box's pixels, the edges that leave it: a bit for each of STEPS. @param {Uint8Array} pixels @param {number} width @param {Box} box */
function edges(pixels, width, [x0, y0, x1, y1]) {
  const wide = x1 - x0 + 1;
  const open = new Uint8Array(wide * (y1 - y0 + 1));
  /** @param {number} x @param {number} y */
  const set = (x, y) => x >= x0 && x < x1 && y >= y0 && y < y1 && pixels[y * width + x] === 1;
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      if (!pixels[y * width + x]) continue;
      const corner = (y - y0) * wide + (x - x0);
      if (!set(x, y - 1)) open[corner] |= 1;
      if (!set(x + 1, y)) open[corner + 1] |= 2;
      if (!set(x, y + 1)) open[corner + wide + 1] |= 4;
      if (!set(x - 1, y)) open[corner + wide] |= 8;
    }
  }
  return open;
}

/** One ring from a corner on; its edges are taken off. @param {Uint8Array} open @param {number} start @param {number} wide @param {number} x0 @param {number} y0 */
function follow(open, start, wide, x0, y0) {
  const ring = [];
  let at = start;
  let heading = -1;
  do {
    // Where two rings meet in a corner the right turn comes first, which keeps diagonal neighbours apart.
    const turn = [1, 0, 3].map((by) => (Math.max(heading, 0) + by) % 4).find((way) => open[at] & (1 << way));
    const next = heading < 0 ? Math.log2(open[at] & -open[at]) : /** @type {number} */ (turn);
    if (next !== heading) ring.push(x0 + (at % wide), y0 + Math.floor(at / wide));
    open[at] &= ~(1 << next);
    at += STEPS[next][0] + STEPS[next][1] * wide;
    heading = next;
  } while (at !== start || open[at] & (1 << ((heading + 1) % 4)));
  return ring;
}

/** Paint a stroke of a round brush into the pixels. @param {Uint8Array} pixels @param {number} width @param {Place} from @param {Place} to @param {number} radius_px @param {0 | 1} value */
export function stroke(pixels, width, from, to, radius_px, value) {
  const height = pixels.length / width;
  const [ax, ay] = from;
  const [dx, dy] = [to[0] - ax, to[1] - ay];
  const long2 = dx * dx + dy * dy;
  const reach = Math.max(radius_px, 0.5);
  const first = Math.max(0, Math.floor(Math.min(ay, to[1]) - reach));
  const last = Math.min(height - 1, Math.ceil(Math.max(ay, to[1]) + reach));
  const left = Math.max(0, Math.floor(Math.min(ax, to[0]) - reach));
  const right = Math.min(width - 1, Math.ceil(Math.max(ax, to[0]) + reach));
  for (let y = first; y <= last; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const along = long2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / long2)) : 0;
      if (Math.hypot(px - along * dx, py - along * dy) <= reach) pixels[y * width + x] = value;
    }
  }
}

/** One pixel more (value 1) or less (value 0) all around. @param {Uint8Array} pixels @param {number} width @param {0 | 1} value @returns {Uint8Array} */
export function spread(pixels, width, value) {
  const out = pixels.slice();
  const height = pixels.length / width;
  for (let n = 0; n < pixels.length; n++) {
    if (pixels[n] === value) continue;
    const x = n % width;
    const y = (n - x) / width;
    const near =
      (x > 0 && pixels[n - 1] === value) ||
      (x < width - 1 && pixels[n + 1] === value) ||
      (y > 0 && pixels[n - width] === value) ||
      (y < height - 1 && pixels[n + width] === value);
    if (near) out[n] = value;
  }
  return out;
}

/** @param {Uint8Array} pixels @returns {number} */
export function area(pixels) {
  let sum = 0;
  for (let n = 0; n < pixels.length; n++) sum += pixels[n];
  return sum;
}
