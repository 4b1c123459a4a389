// An outline to its longest diameter and the longest one perpendicular to it, by the service's own definition
// (components/findings/measure.py): both ends on the outline of the largest part, chosen in millimetres where there are any.

/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Line} Line */

const SAME_SHARE = 1e-9;

/** @param {readonly number[][]} rings along pixel corners @param {{x_mm: number, y_mm: number} | null} spacing @returns {{longest: Line | null, perpendicular: Line | null, parts: number}} parts: how many there are */
export function diameters(rings, spacing) {
  const { part, parts } = largestPart(rings);
  if (!part.length) return { longest: null, perpendicular: null, parts };
  const scale = /** @type {Place} */ (spacing ? [spacing.x_mm, spacing.y_mm] : [1, 1]);
  const longest = farthest(hull(part.flat()), scale);
  return { longest, perpendicular: across(part, longest, scale), parts };
}

/** The outer rings of the part that encloses the most pixels, as places; rings that share a corner are one part. @param {readonly number[][]} rings @returns {{part: Place[][], parts: number}} and how many parts there are */
function largestPart(rings) {
  const outer = rings.map(places).filter((ring) => enclosed(ring) > 0);
  /** @type {Map<string, number>} */
  const owner = new Map();
  const part = outer.map((_, index) => index);
  outer.forEach((ring, index) => {
    for (const corner of ring) {
      const other = owner.get(String(corner));
      if (other === undefined) owner.set(String(corner), index);
      else if (part[other] !== part[index]) {
        const gone = part[index];
        part.forEach((of, n) => of === gone && (part[n] = part[other]));
      }
    }
  });
  /** @type {Map<number, number>} */
  const sizes = new Map();
  outer.forEach((ring, index) => sizes.set(part[index], (sizes.get(part[index]) ?? 0) + enclosed(ring)));
  const best = [...sizes].reduce((most, one) => (one[1] > most[1] ? one : most), [-1, 0])[0];
  return { part: outer.filter((_, index) => part[index] === best), parts: sizes.size };
}

/** @param {number[]} ring @returns {Place[]} */
function places(ring) {
  return Array.from({ length: ring.length / 2 }, (_, n) => [ring[2 * n], ring[2 * n + 1]]);
}

/** Pixels within a ring; negative for a hole's. @param {Place[]} ring */
function enclosed(ring) {
  return ring.reduce((sum, [x, y], n) => {
    const [u, v] = ring[(n + 1) % ring.length];
    return sum + (x * v - u * y) / 2;
  }, 0);
}

/** The convex hull's corners (Andrew's monotone chain, 1979). @param {Place[]} points @returns {Place[]} */
function hull(points) {
  const sorted = points.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  /** @param {Place[]} ordered */
  const half = (ordered) => {
    /** @type {Place[]} */
    const chain = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** @param {Place} a @param {Place} b @param {Place} c */
function turn(a, b, c) {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** @param {Place[]} corners @param {Place} scale @returns {Line} */
function farthest(corners, scale) {
  let most = -1;
  /** @type {Line} */
  let best = { from: corners[0], to: corners[0] };
  corners.forEach((a, n) => {
    for (let m = n + 1; m < corners.length; m++) {
      const far = Math.hypot((a[0] - corners[m][0]) * scale[0], (a[1] - corners[m][1]) * scale[1]);
      if (far > most) {
        most = far;
        best = upperFirst(a, corners[m]);
      }
    }
  });
  return best;
}

/** The longest of the lines at right angles to another; between the outline's corners the width changes evenly. @param {Place[][]} part @param {Line} longest @param {Place} scale @returns {Line} */
function across(part, longest, scale) {
  const start = [longest.from[0] * scale[0], longest.from[1] * scale[1]];
  const end = [longest.to[0] * scale[0], longest.to[1] * scale[1]];
  const long = Math.hypot(end[0] - start[0], end[1] - start[1]);
  const way = [(end[0] - start[0]) / long, (end[1] - start[1]) / long];
  /** Along the longest, and across it. @param {Place} at @returns {Place} */
  const turned = ([x, y]) => [x * scale[0] * way[0] + y * scale[1] * way[1], y * scale[1] * way[0] - x * scale[0] * way[1]];
  const rings = part.map((ring) => ring.map(turned));
  const middle = ((start[0] + end[0]) * way[0] + (start[1] + end[1]) * way[1]) / 2;
  const slack = SAME_SHARE * long;
  let best = { width: -1, at: 0, low: 0, high: 0 };
  for (const at of new Set(rings.flatMap((ring) => ring.map(([along]) => along)))) {
    const { low, high } = reach(rings, at, slack);
    const width = high - low;
    const same = Math.abs(width - best.width) <= SAME_SHARE * Math.max(width, 1);
    if (same ? Math.abs(at - middle) < Math.abs(best.at - middle) - slack : width > best.width) best = { width, at, low, high };
  }
  /** @param {number} along @param {number} aside @returns {Place} */
  const back = (along, aside) => [(along * way[0] - aside * way[1]) / scale[0], (along * way[1] + aside * way[0]) / scale[1]];
  return upperFirst(back(best.at, best.low), back(best.at, best.high));
}

/** How far the rings reach on the line across at a place along. @param {Place[][]} rings @param {number} at @param {number} slack */
function reach(rings, at, slack) {
  let [low, high] = [Infinity, -Infinity];
  for (const ring of rings) {
    for (let n = 0, last = ring[ring.length - 1]; n < ring.length; last = ring[n++]) {
      const [a, p] = last;
      const [b, q] = ring[n];
      if (at < Math.min(a, b) - slack || at > Math.max(a, b) + slack) continue;
      const flat = Math.abs(b - a) <= slack;
      const share = flat ? 0 : Math.min(Math.max((at - a) / (b - a), 0), 1);
      const here = p + share * (q - p);
      low = Math.min(low, here, flat ? q : here);
      high = Math.max(high, here, flat ? q : here);
    }
  }
  return { low, high };
}

/** @param {Place} a @param {Place} b @returns {Line} */
function upperFirst(a, b) {
  return a[1] < b[1] || (a[1] === b[1] && a[0] <= b[0]) ? { from: a, to: b } : { from: b, to: a };
}
