// Where the image lies on the screen, and boxes pulled by their handles. Pure: numbers in, numbers out.

/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {Readonly<{scale: number, x: number, y: number}>} View scale: screen pixels an image pixel; x, y: the image's corner on the stage */
/** @typedef {Readonly<{width: number, height: number}>} Size */
/** @typedef {"nw" | "n" | "ne" | "e" | "se" | "s" | "sw" | "w"} Handle */

/** @type {readonly Handle[]} */
export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const MOST = 40;
const IN_SIGHT_PX = 48;

/** The whole image in the middle of the room. @param {Size} size @param {Size} room @param {number} [edge_px] @returns {View} */
export function fit(size, room, edge_px = 12) {
  const wide = Math.max(room.width - 2 * edge_px, 1);
  const high = Math.max(room.height - 2 * edge_px, 1);
  const scale = Math.max(Math.min(wide / size.width, high / size.height), 0.001);
  return { scale, x: (room.width - size.width * scale) / 2, y: (room.height - size.height * scale) / 2 };
}

/** @param {View} view @param {Place} at @returns {Place} */
export function toScreen(view, [x, y]) {
  return [view.x + x * view.scale, view.y + y * view.scale];
}

/** @param {View} view @param {Place} at @returns {Place} */
export function toImage(view, [x, y]) {
  return [(x - view.x) / view.scale, (y - view.y) / view.scale];
}

/** Zoom about a place on the stage, which stays where it is. @param {View} view @param {number} factor @param {Place} about @param {Size} size @param {Size} room @returns {View} */
export function zoom(view, factor, about, size, room) {
  const least = Math.min(fit(size, room).scale, 1) / 4;
  const scale = Math.min(Math.max(view.scale * factor, least), MOST);
  const [x, y] = toImage(view, about);
  return inSight({ scale, x: about[0] - x * scale, y: about[1] - y * scale }, size, room);
}

/** @param {View} view @param {number} dx @param {number} dy @param {Size} size @param {Size} room @returns {View} */
export function pan(view, dx, dy, size, room) {
  return inSight({ ...view, x: view.x + dx, y: view.y + dy }, size, room);
}

/** Some of the image always stays on the stage. @param {View} view @param {Size} size @param {Size} room @returns {View} */
function inSight(view, size, room) {
  const [wide, high] = [size.width * view.scale, size.height * view.scale];
  const keep_x = Math.min(IN_SIGHT_PX, wide);
  const keep_y = Math.min(IN_SIGHT_PX, high);
  return {
    scale: view.scale,
    x: clamp(view.x, keep_x - wide, room.width - keep_x),
    y: clamp(view.y, keep_y - high, room.height - keep_y),
  };
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** @param {Place} at @param {Size} size @returns {Place} */
export function within([x, y], size) {
  return [clamp(x, 0, size.width), clamp(y, 0, size.height)];
}

/** The box between two corners, whichever way it was drawn. @param {Place} a @param {Place} b @returns {Box} */
export function boxBetween(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

/** @param {Box} box */
export function hasArea([x0, y0, x1, y1]) {
  return x1 > x0 && y1 > y0;
}

/** @param {Box} box @param {Handle} handle @returns {Place} */
export function handlePlace([x0, y0, x1, y1], handle) {
  const x = handle.includes("w") ? x0 : handle.includes("e") ? x1 : (x0 + x1) / 2;
  const y = handle.includes("n") ? y0 : handle.includes("s") ? y1 : (y0 + y1) / 2;
  return [x, y];
}

/** A box whose handle is pulled to a place; pulled over the other side, it turns over. @param {Box} box @param {Handle} handle @param {Place} to @param {Size} size @returns {Box} */
export function pullHandle([x0, y0, x1, y1], handle, to, size) {
  const [x, y] = within(to, size);
  const a = /** @type {Place} */ ([handle.includes("w") ? x : x0, handle.includes("n") ? y : y0]);
  const b = /** @type {Place} */ ([handle.includes("e") ? x : x1, handle.includes("s") ? y : y1]);
  return boxBetween(a, b);
}

/** A box moved as a whole, no further than the image reaches. @param {Box} box @param {number} dx @param {number} dy @param {Size} size @returns {Box} */
export function moveBox([x0, y0, x1, y1], dx, dy, size) {
  const by_x = clamp(dx, -x0, size.width - x1);
  const by_y = clamp(dy, -y0, size.height - y1);
  return [x0 + by_x, y0 + by_y, x1 + by_x, y1 + by_y];
}

/** How far a place is from a box's line. @param {Box} box @param {Place} at */
export function fromEdge([x0, y0, x1, y1], [x, y]) {
  const [dx, dy] = [Math.max(x0 - x, 0, x - x1), Math.max(y0 - y, 0, y - y1)];
  if (dx || dy) return Math.hypot(dx, dy);
  return Math.min(x - x0, x1 - x, y - y0, y1 - y);
}
