// What an object looks like now: the service's answer to its prompt, or the mask as it was corrected by hand.
// Answers belong to prompts and outlines to masks, so that undo finds them again without asking.
import { diameters } from "./diameters.js";
import { area, rings, tightBox } from "./masks.js";
import { boxBetween } from "./geometry.js";
import { around, spacingOf } from "./measure.js";
import { decode } from "./rle.js";

/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Prompt} Prompt */
/** @typedef {import("./state.js").Rle} Rle */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {import("./state.js").Line} Line */
/** @typedef {import("./frames.js").Region} Region */
/** @typedef {{x_mm: number, y_mm: number, source: string}} Spacing */
/** @typedef {{area_px: number, area_mm2: number | null, longest: Line | null, perpendicular: Line | null, parts: number, spacing: Spacing | null, why: string | null}} Measured */
/** @typedef {{mask: Rle, polygons: number[][], box: Box | null, area_px: number, quality: number, confidence: number | null,
 *   abstain: boolean | null, reasons: string[], measurements?: Measured}} Found one object of an answer */
/** @typedef {{name: string, version: string, digest: string}} Model */
/** @typedef {{found: Found, prediction: string | null, model: Model}} Answer */
/** @typedef {{path: Path2D, box: Box | null, area_px: number}} Outline */

/** @type {WeakMap<Prompt, Answer>} */
const answers = new WeakMap();
/** @type {WeakMap<Rle, Outline>} */
const outlines = new WeakMap();
/** @type {WeakMap<Rle, {of: readonly Region[], measured: Measured}>} */
const measurements = new WeakMap();

/** @param {Prompt} prompt @param {Answer} answer */
export function keepAnswer(prompt, answer) {
  answers.set(prompt, answer);
  const { mask, polygons, box, area_px } = answer.found;
  outlines.set(mask, { path: pathOf(polygons), box, area_px });
}

/** @param {Prompt} prompt @returns {Answer | null} */
export function answerTo(prompt) {
  return answers.get(prompt) ?? null;
}

/** Whether there is something to show, or it must be asked for. @param {Item} item */
export function isSettled(item) {
  return item.edit !== null || answers.has(item.prompt);
}

/** @param {Item} item @returns {Rle | null} */
export function maskOf(item) {
  return item.edit ?? answers.get(item.prompt)?.found.mask ?? null;
}

/** @param {Rle} mask @returns {Outline} */
export function outlineOf(mask) {
  let outline = outlines.get(mask);
  if (!outline) {
    outline = traced(decode(mask), mask.size[1]);
    outlines.set(mask, outline);
  }
  return outline;
}

/** Pixels that are being painted, as a mask that isn't written out yet. @param {Uint8Array} pixels @param {number} width @returns {Rle} */
export function sketch(pixels, width) {
  /** @type {Rle} */
  const mask = { size: [pixels.length / width, width], counts: "" };
  outlines.set(mask, traced(pixels, width));
  return mask;
}

/** @param {Uint8Array} pixels @param {number} width @returns {Outline} */
function traced(pixels, width) {
  return { path: pathOf(rings(pixels, width)), box: tightBox(pixels, width), area_px: area(pixels) };
}

/** @param {number[][]} polygons */
function pathOf(polygons) {
  const path = new Path2D();
  for (const ring of polygons) {
    for (let n = 0; n < ring.length; n += 2) n ? path.lineTo(ring[n], ring[n + 1]) : path.moveTo(ring[n], ring[n + 1]);
    path.closePath();
  }
  return path;
}

/** Area and diameters: the service's for its own outline, ours by the same definition for one corrected by hand. @param {Item} item @param {readonly Region[]} regions @returns {Measured | null} */
export function measuredOf(item, regions) {
  const answer = item.edit ? null : answers.get(item.prompt);
  if (answer?.found.measurements) return answer.found.measurements;
  const mask = maskOf(item);
  if (!mask || !mask.counts) return null;
  const kept = measurements.get(mask);
  if (kept && kept.of === regions) return kept.measured;
  const measured = measure(mask, item.edit ? null : item.prompt.box, regions);
  measurements.set(mask, { of: regions, measured });
  return measured;
}

/** @param {Rle} mask @param {Box | null} asked @param {readonly Region[]} regions @returns {Measured} */
function measure(mask, asked, regions) {
  const { box, area_px } = outlineOf(mask);
  const { spacing, why } = spacingOf(regions, around([asked, box]));
  const { longest, perpendicular, parts } = diameters(rings(decode(mask), mask.size[1]), spacing);
  return { area_px, area_mm2: spacing && area_px * spacing.x_mm * spacing.y_mm, longest, perpendicular, parts, spacing, why };
}

/** The diameters as they are drawn: where a hand moved one, its line, which may leave the region that gives the others their millimetres. @param {Item} item @param {readonly Region[]} regions @returns {{axis: import("./state.js").Axis, line: Line, byHand: boolean, spacing: Spacing | null, why: string | null}[]} */
export function axesOf(item, regions) {
  const measured = measuredOf(item, regions);
  if (!measured) return [];
  const out = [];
  for (const axis of /** @type {const} */ (["longest", "perpendicular"])) {
    const moved = item.moved[axis];
    const line = moved ?? measured[axis];
    const { spacing, why } = moved ? spacingOfMoved(item, moved, measured, regions) : measured;
    if (line) out.push({ axis, line, byHand: moved !== undefined, spacing, why });
  }
  return out;
}

/** @param {Item} item @param {Line} line @param {Measured} measured @param {readonly Region[]} regions */
function spacingOfMoved(item, { from, to }, measured, regions) {
  const mask = maskOf(item);
  const own = around([item.edit ? null : item.prompt.box, mask && outlineOf(mask).box]);
  // Where the object has no millimetres, nor has a line on it.
  return measured.spacing ? spacingOf(regions, around([own, boxBetween(from, to)])) : measured;
}
