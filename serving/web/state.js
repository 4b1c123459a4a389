// What the user has made on an image: objects with their prompts, corrections and verdicts, and free calipers.
// Every state is immutable; each function takes one and gives the next. Leaves out: what the service answers (outlines.js).

/** @typedef {[number, number]} Place x, y in the image's pixels */
/** @typedef {[number, number, number, number]} Box x0, y0, x1, y1, half-open */
/** @typedef {{x: number, y: number, positive: boolean}} Point */
/** @typedef {{size: [number, number], counts: string}} Rle COCO compressed run lengths; size is [height, width] */
/** @typedef {{box: Box | null, points: readonly Point[], mask: Rle | null}} Prompt */
/** @typedef {{from: Place, to: Place}} Line */
/** @typedef {"longest" | "perpendicular"} Axis */
/** @typedef {"accepted" | "edited" | "rejected"} Verdict */
/** @typedef {Readonly<{id: number, frame: number, name: string, hidden: boolean, prompt: Prompt, edit: Rle | null,
 *   verdict: Verdict | null, moved: Readonly<Partial<Record<Axis, Line>>>}>} Item */
/** @typedef {Readonly<{id: number, frame: number, line: Line}>} Caliper */
/** @typedef {Readonly<{items: readonly Item[], calipers: readonly Caliper[], chosen: number | null, next: number,
 *   nextCaliper: number}>} Doc */

/** @type {Doc} */
export const EMPTY = Object.freeze({ items: [], calipers: [], chosen: null, next: 1, nextCaliper: 1 });

/** A new object with a prompt, which becomes the chosen one. @param {Doc} doc @param {number} frame @param {Prompt} prompt @returns {Doc} */
export function addItem(doc, frame, prompt) {
  const id = doc.next;
  /** @type {Item} */
  const item = { id, frame, name: `Object ${id}`, hidden: false, prompt, edit: null, verdict: null, moved: {} };
  return { ...doc, items: [...doc.items, item], chosen: id, next: id + 1 };
}

/** @param {Doc} doc @param {number | null} id @returns {Item | null} */
export function itemOf(doc, id) {
  return doc.items.find((item) => item.id === id) ?? null;
}

/** @param {Doc} doc @returns {Item | null} */
export function chosenOf(doc) {
  return itemOf(doc, doc.chosen);
}

/** @param {Doc} doc @param {number} id @param {Partial<Item>} patch @returns {Doc} */
export function changeItem(doc, id, patch) {
  return { ...doc, items: doc.items.map((item) => (item.id === id ? { ...item, ...patch } : item)) };
}

/** Another prompt: what was corrected, judged or measured by hand belonged to the outline before. @param {Doc} doc @param {number} id @param {Prompt} prompt @returns {Doc} */
export function setPrompt(doc, id, prompt) {
  return changeItem(doc, id, { prompt, edit: null, verdict: null, moved: {} });
}

/** A mask corrected by hand. @param {Doc} doc @param {number} id @param {Rle} edit @returns {Doc} */
export function setEdit(doc, id, edit) {
  return changeItem(doc, id, { edit, verdict: null, moved: {} });
}

/** A verdict on an outline: the object has it wherever it has that outline. @param {Doc} doc @param {Item} judged @param {Verdict} verdict @returns {Doc} */
export function judge(doc, { id, prompt, edit }, verdict) {
  const item = itemOf(doc, id);
  return item && item.prompt === prompt && item.edit === edit ? changeItem(doc, id, { verdict }) : doc;
}

/** @param {Doc} doc @param {number} id @param {Axis} axis @param {Line | null} line null gives the measured one back @returns {Doc} */
export function moveAxis(doc, id, axis, line) {
  const moved = { ...itemOf(doc, id)?.moved };
  if (line) moved[axis] = line;
  else delete moved[axis];
  return changeItem(doc, id, { moved });
}

/** @param {Doc} doc @param {number} id @returns {Doc} */
export function removeItem(doc, id) {
  const items = doc.items.filter((item) => item.id !== id);
  return { ...doc, items, chosen: doc.chosen === id ? null : doc.chosen };
}

/** @param {Doc} doc @param {number | null} id @returns {Doc} */
export function choose(doc, id) {
  return { ...doc, chosen: id };
}

/** The document with nothing chosen that isn't on a frame: whoever acts on what is chosen sees it. @param {Doc} doc @param {number} frame @returns {Doc} */
export function chosenOn(doc, frame) {
  const item = chosenOf(doc);
  return item && item.frame !== frame ? choose(doc, null) : doc;
}

/** A name for people: trimmed, at most 64 characters; an empty one leaves the name as it is. @param {Doc} doc @param {number} id @param {string} name @returns {Doc} */
export function rename(doc, id, name) {
  const kept = name.trim().slice(0, 64);
  return kept && kept !== itemOf(doc, id)?.name ? changeItem(doc, id, { name: kept }) : doc;
}

/** @param {Doc} doc @param {number} frame @param {Line} line @returns {Doc} */
export function addCaliper(doc, frame, line) {
  const caliper = { id: doc.nextCaliper, frame, line };
  return { ...doc, calipers: [...doc.calipers, caliper], nextCaliper: doc.nextCaliper + 1 };
}

/** @param {Doc} doc @param {number} id @param {Line} line @returns {Doc} */
export function moveCaliper(doc, id, line) {
  return { ...doc, calipers: doc.calipers.map((one) => (one.id === id ? { ...one, line } : one)) };
}

/** @param {Doc} doc @param {number} id @returns {Doc} */
export function removeCaliper(doc, id) {
  return { ...doc, calipers: doc.calipers.filter((one) => one.id !== id) };
}

/** The objects of a frame. @param {Doc} doc @param {number} frame @returns {Item[]} */
export function onFrame(doc, frame) {
  return doc.items.filter((item) => item.frame === frame);
}
