// Lengths and diameters, in pixels and where a region of the image is calibrated in millimetres. Pure.
import { boxBetween } from "./geometry.js";

/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {import("./state.js").Line} Line */
/** @typedef {import("./frames.js").Region} Region */
/** @typedef {import("./shapes.js").Spacing} Spacing */

const SAME_SCALE = 1e-3; // as in components/formats/regions.py

/** The scale of what lies in a box, as components/formats/regions.py has it: one region holds the box, and every other that overlaps it has the same scale; else pixels, and the reason why. @param {readonly Region[]} regions @param {Box | null} box @returns {{spacing: Spacing | null, why: string | null}} */
export function spacingOf(regions, box) {
  if (!regions.length) return { spacing: null, why: "no scale in the file" };
  const concerned = regions.filter((region) => box !== null && (holds(region.box, box) || overlaps(region.box, box)));
  const bare = concerned.find((region) => !isCalibrated(region));
  if (bare) return { spacing: null, why: `${bare.source}: ${bare.why ?? "the file states no scale"}` };
  const first = concerned.find((region) => box !== null && holds(region.box, box));
  if (!first || first.x_mm === null || first.y_mm === null) return { spacing: null, why: "not wholly inside one calibrated region" };
  const { x_mm, y_mm, source } = first;
  const same = concerned.every((region) => isSame(region.x_mm, x_mm) && isSame(region.y_mm, y_mm));
  return same ? { spacing: { x_mm, y_mm, source }, why: null } : { spacing: null, why: "regions of different scale lie over each other here" };
}

/** @param {Region} region */
export function isCalibrated({ x_mm, y_mm }) {
  return x_mm !== null && y_mm !== null;
}

/** @param {number | null} one @param {number} other */
function isSame(one, other) {
  return one !== null && Math.abs(one - other) <= SAME_SCALE * Math.max(one, other);
}

/** @param {Box} outer @param {Box} inner */
function holds(outer, inner) {
  return inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3];
}

/** @param {Box} one @param {Box} other */
function overlaps(one, other) {
  return one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];
}

/** The smallest box that holds all boxes. @param {readonly (Box | null)[]} boxes @returns {Box | null} */
export function around(boxes) {
  const given = boxes.filter((box) => box !== null);
  if (!given.length) return null;
  /** @param {(...values: number[]) => number} pick @param {number} n */
  const side = (pick, n) => pick(...given.map((box) => box[n]));
  return [side(Math.min, 0), side(Math.min, 1), side(Math.max, 2), side(Math.max, 3)];
}

/** What a line alone is measured by. @param {readonly Region[]} regions @param {Line} line */
export function spacingOfLine(regions, { from, to }) {
  return spacingOf(regions, boxBetween(from, to));
}

/** @param {Line} line @param {Spacing | null} spacing @returns {{px: number, mm: number | null}} */
export function lengthOf({ from, to }, spacing) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  return { px: Math.hypot(dx, dy), mm: spacing && Math.hypot(dx * spacing.x_mm, dy * spacing.y_mm) };
}

/** A length in words: millimetres where there are any, else pixels. @param {{px: number, mm: number | null}} length */
export function told({ px, mm }) {
  return mm !== null ? `${mm.toFixed(1)} mm` : `${px.toFixed(1)} px`;
}

/** @param {number} area_px @param {number | null} area_mm2 */
export function toldArea(area_px, area_mm2) {
  if (area_mm2 === null) return `${area_px.toLocaleString("en")} px`;
  return area_mm2 >= 100 ? `${(area_mm2 / 100).toFixed(2)} cm²` : `${area_mm2.toFixed(1)} mm²`;
}

/** Where lengths come from. @param {readonly Region[]} regions @param {Spacing | null} spacing @param {string | null} [why] */
export function toldSource(regions, spacing, why) {
  if (spacing) return `mm from ${spacing.source}`;
  if (!regions.length) return "no scale in the file: pixels";
  return `pixels: ${why ?? "no region decides"}`;
}
