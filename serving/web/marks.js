// What is drawn over the image, in the stage's own pixels so that lines stay thin at any zoom: boxes, clicks, tags, calipers.
// Leaves out: which of them there are (paint.js).
import { HANDLES, handlePlace, toScreen } from "./geometry.js";

/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {import("./state.js").Line} Line */
/** @typedef {import("./geometry.js").View} View */
/** @typedef {CanvasRenderingContext2D} Pen */

// Okabe and Ito's colours, which most colour-blind people tell apart; each object has its number, too.
const COLOURS = ["86,180,233", "230,159,0", "0,178,130", "240,228,66", "214,132,176", "235,110,30"];
const FONT = '600 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';
const TAG_PX = { high: 20, pad: 6, gap: 8 };
const DARK = "rgba(6,9,12,0.85)";

/** @param {number} id */
export function colourOf(id) {
  return COLOURS[(id - 1) % COLOURS.length];
}

/** @param {View} view @param {Box} box @returns {Box} */
function onStage(view, box) {
  const [x0, y0] = toScreen(view, [box[0], box[1]]);
  const [x1, y1] = toScreen(view, [box[2], box[3]]);
  return [x0, y0, x1, y1];
}

/** @param {Pen} pen @param {View} view @param {Box} box @param {string} colour */
export function drawBox(pen, view, box, colour) {
  const [x0, y0, x1, y1] = onStage(view, box);
  pen.lineWidth = 3;
  pen.strokeStyle = "rgba(0,0,0,0.5)";
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  pen.lineWidth = 1.25;
  pen.setLineDash([6, 4]);
  pen.strokeStyle = `rgb(${colour})`;
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  pen.setLineDash([]);
}

/** @param {Pen} pen @param {View} view @param {Box} box @param {string} colour */
export function drawHandles(pen, view, box, colour) {
  pen.lineWidth = 1.5;
  for (const handle of HANDLES) {
    const [x, y] = toScreen(view, handlePlace(box, handle));
    pen.fillStyle = DARK;
    pen.strokeStyle = `rgb(${colour})`;
    pen.beginPath();
    pen.rect(x - 4, y - 4, 8, 8);
    pen.fill();
    pen.stroke();
  }
}

/** @param {Pen} pen @param {View} view @param {{x: number, y: number, positive: boolean}} point @param {string} colour */
export function drawPoint(pen, view, point, colour) {
  const [x, y] = toScreen(view, [point.x, point.y]);
  pen.beginPath();
  pen.arc(x, y, 8, 0, 2 * Math.PI);
  pen.fillStyle = DARK;
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = `rgb(${colour})`;
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x - 4, y);
  pen.lineTo(x + 4, y);
  if (point.positive) {
    pen.moveTo(x, y - 4);
    pen.lineTo(x, y + 4);
  }
  pen.strokeStyle = "#fff";
  pen.stroke();
}

/** A ring around what the keyboard holds. @param {Pen} pen @param {View} view @param {Place} at */
export function drawGrip(pen, view, at) {
  const [x, y] = toScreen(view, at);
  for (const [width, colour] of /** @type {const} */ ([[5, "#000"], [2, "#fff"]])) {
    pen.beginPath();
    pen.arc(x, y, 12, 0, 2 * Math.PI);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
}

/** Where an object's number stands: above the top left corner of its box. @param {View} view @param {Box} box @param {string} text @returns {{x: number, y: number, wide: number, high: number}} */
export function tagRoom(view, box, text) {
  const [x0, y0] = toScreen(view, [box[0], box[1]]);
  return { x: x0 - 1, y: y0 - TAG_PX.high - TAG_PX.gap, wide: 7.5 * text.length + 2 * TAG_PX.pad, high: TAG_PX.high };
}

/** @param {Pen} pen @param {View} view @param {Box} box @param {string} text @param {string} colour @param {boolean} chosen */
export function drawTag(pen, view, box, text, colour, chosen) {
  const { x, y, wide, high } = tagRoom(view, box, text);
  pen.font = FONT;
  pen.beginPath();
  pen.roundRect(x, y, wide, high, 4);
  pen.fillStyle = chosen ? `rgb(${colour})` : DARK;
  pen.fill();
  pen.lineWidth = 1.5;
  pen.strokeStyle = chosen ? DARK : `rgb(${colour})`;
  pen.stroke();
  pen.fillStyle = chosen ? "#06090c" : `rgb(${colour})`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(text, x + wide / 2, y + high / 2 + 0.5);
}

/** A caliper: a line between two crosses, and its length beside the lower end. @param {Pen} pen @param {View} view @param {Line} line @param {{text: string, colour: string, dashed?: boolean}} look */
export function drawCaliper(pen, view, line, { text, colour, dashed = false }) {
  const a = toScreen(view, line.from);
  const b = toScreen(view, line.to);
  for (const [width, stroke] of /** @type {const} */ ([[3.5, "rgba(0,0,0,0.65)"], [1.5, colour]])) {
    pen.lineWidth = width;
    pen.strokeStyle = stroke;
    pen.beginPath();
    if (dashed) pen.setLineDash([4, 4]);
    pen.moveTo(...a);
    pen.lineTo(...b);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    for (const [x, y] of [a, b]) {
      pen.moveTo(x - 6, y);
      pen.lineTo(x + 6, y);
      pen.moveTo(x, y - 6);
      pen.lineTo(x, y + 6);
    }
    pen.stroke();
  }
  const [x, y] = a[0] > b[0] ? a : b;
  label(pen, x + 12, y, text, colour);
}

/** @param {Pen} pen @param {number} x @param {number} y @param {string} text @param {string} colour */
function label(pen, x, y, text, colour) {
  pen.font = FONT;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  const wide = pen.measureText(text).width;
  pen.beginPath();
  pen.roundRect(x - 4, y - 10, wide + 8, 20, 4);
  pen.fillStyle = DARK;
  pen.fill();
  pen.fillStyle = colour;
  pen.fillText(text, x, y + 0.5);
}

/** @param {Pen} pen @param {Place} at @param {number} radius @param {boolean} adds */
export function drawBrush(pen, [x, y], radius, adds) {
  for (const [width, colour] of /** @type {const} */ ([[3, "rgba(0,0,0,0.6)"], [1.25, "#fff"]])) {
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.beginPath();
    if (!adds) pen.setLineDash([4, 3]);
    pen.arc(x, y, Math.max(radius, 2), 0, 2 * Math.PI);
    pen.stroke();
    pen.setLineDash([]);
  }
}
