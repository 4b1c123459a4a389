// What of the chosen object, and of the free calipers, can be taken hold of and moved: by pointer or by arrow keys.
import { HANDLES, fromEdge, handlePlace, hasArea, moveBox, pullHandle, toScreen, within } from "./geometry.js";
import { chosenOf, moveAxis, moveCaliper, removeCaliper, setPrompt } from "./state.js";

/** @typedef {import("./state.js").Doc} Doc */
/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Line} Line */
/** @typedef {import("./state.js").Axis} Axis */
/** @typedef {import("./geometry.js").View} View */
/** @typedef {import("./geometry.js").Size} Size */
/** @typedef {{axis: Axis, line: Line}} Measure */
/** @typedef {{kind: "handle", handle: import("./geometry.js").Handle, at: Place, told: string}
 *   | {kind: "box", at: Place, told: string}
 *   | {kind: "point", index: number, at: Place, told: string}
 *   | {kind: "axis", axis: Axis, line: Line, end: keyof Line, at: Place, told: string}
 *   | {kind: "caliper", id: number, line: Line, end: keyof Line, at: Place, told: string}} Grip */

const SIDES = { nw: "top left corner", n: "top side", ne: "top right corner", e: "right side", se: "bottom right corner", s: "bottom side", sw: "bottom left corner", w: "left side" };
/** @type {readonly (keyof Line)[]} */
const ENDS = ["from", "to"];

/** All grips of a frame, in the order in which keys go through them. @param {Doc} doc @param {number} frame @param {readonly Measure[]} axes the chosen object's diameters as drawn @returns {Grip[]} */
export function gripsOf(doc, frame, axes) {
  /** @type {Grip[]} */
  const grips = [];
  const item = chosenOf(doc);
  if (item && item.frame === frame && !item.hidden) {
    const box = item.prompt.box;
    if (box) {
      grips.push({ kind: "box", at: handlePlace(box, "nw"), told: `box of ${item.name}` });
      for (const handle of HANDLES) grips.push({ kind: "handle", handle, at: handlePlace(box, handle), told: SIDES[handle] });
    }
    item.prompt.points.forEach((point, index) => {
      grips.push({ kind: "point", index, at: [point.x, point.y], told: `click ${index + 1}, ${point.positive ? "on the object" : "beside it"}` });
    });
    for (const { axis, line } of axes) {
      for (const end of ENDS) grips.push({ kind: "axis", axis, line, end, at: line[end], told: `${axis} diameter, ${end === "from" ? "first" : "second"} end` });
    }
  }
  for (const { id, line, frame: its } of doc.calipers) {
    if (its !== frame) continue;
    for (const end of ENDS) grips.push({ kind: "caliper", id, line, end, at: line[end], told: `caliper ${id}, ${end === "from" ? "first" : "second"} end` });
  }
  return grips;
}

/** The nearest grip within reach of a place on the stage; small things before handles, a box's line last. @param {readonly Grip[]} grips @param {View} view @param {Place} at on the stage @param {number} reach_px @param {import("./state.js").Box | null} box the chosen object's @returns {number} its index, -1 for none */
export function gripAt(grips, view, at, reach_px, box) {
  let best = -1;
  let least = Infinity;
  grips.forEach((grip, index) => {
    if (grip.kind === "box") return;
    const [x, y] = toScreen(view, grip.at);
    const far = Math.hypot(x - at[0], y - at[1]) + (grip.kind === "handle" ? reach_px / 4 : 0);
    if (far <= reach_px && far < least) {
      best = index;
      least = far;
    }
  });
  if (best >= 0 || !box) return best;
  const [x0, y0] = toScreen(view, [box[0], box[1]]);
  const [x1, y1] = toScreen(view, [box[2], box[3]]);
  return fromEdge([x0, y0, x1, y1], at) <= reach_px / 2 ? grips.findIndex((grip) => grip.kind === "box") : -1;
}

/** The document with a grip moved by so much; the very same one where nothing changes. @param {Doc} doc @param {Grip} grip @param {number} dx @param {number} dy @param {Size} size @returns {Doc} */
export function pull(doc, grip, dx, dy, size) {
  if (!dx && !dy) return doc;
  const to = within([grip.at[0] + dx, grip.at[1] + dy], size);
  if (grip.kind === "caliper") return isLong(grip, to) ? moveCaliper(doc, grip.id, { ...grip.line, [grip.end]: to }) : doc;
  const item = chosenOf(doc);
  if (!item) return doc;
  const { prompt } = item;
  switch (grip.kind) {
    case "axis":
      return isLong(grip, to) ? moveAxis(doc, item.id, grip.axis, { ...grip.line, [grip.end]: to }) : doc;
    case "point": {
      const points = prompt.points.map((point, index) => (index === grip.index ? { ...point, x: to[0], y: to[1] } : point));
      return setPrompt(doc, item.id, { ...prompt, points });
    }
    default: {
      if (!prompt.box) return doc;
      const box = grip.kind === "box" ? moveBox(prompt.box, dx, dy, size) : pullHandle(prompt.box, grip.handle, to, size);
      return hasArea(box) ? setPrompt(doc, item.id, { ...prompt, box, mask: null }) : doc;
    }
  }
}

/** Whether a line whose end is moved still has a length. @param {{line: Line, end: keyof Line}} grip @param {Place} to */
function isLong({ line, end }, to) {
  const other = line[end === "from" ? "to" : "from"];
  return other[0] !== to[0] || other[1] !== to[1];
}

/** The document without what a grip belongs to: a click, a caliper, a hand's change of a diameter. @param {Doc} doc @param {Grip} grip @returns {Doc | null} null where it can't be taken away by itself */
export function discard(doc, grip) {
  if (grip.kind === "caliper") return removeCaliper(doc, grip.id);
  const item = chosenOf(doc);
  if (!item) return null;
  if (grip.kind === "axis") return item.moved[grip.axis] ? moveAxis(doc, item.id, grip.axis, null) : null;
  if (grip.kind !== "point") return null;
  const points = item.prompt.points.filter((_, index) => index !== grip.index);
  const prompt = { ...item.prompt, points, mask: null };
  return prompt.box || points.length ? setPrompt(doc, item.id, prompt) : null;
}
