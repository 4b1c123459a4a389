// The stage: the picture and everything drawn over it, painted at most once a frame of the screen.
import { fit } from "./geometry.js";
import { gripsOf } from "./grips.js";
import { colourOf, drawBox, drawBrush, drawCaliper, drawGrip, drawHandles, drawPoint, drawTag } from "./marks.js";
import { lengthOf, spacingOfLine, told } from "./measure.js";
import { axesOf, maskOf, outlineOf } from "./shapes.js";
import { choose, chosenOf, onFrame } from "./state.js";
import { Toned } from "./tone.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {import("./geometry.js").View} View */

const CALIPER = "#8be9fd";
const DIAMETER = "#ffffff";
const SMOOTH_BELOW = 3;
/** @type {readonly import("./frames.js").Region[]} */
const NO_REGIONS = [];

/** The regions of the frame that is shown. @param {Desk} desk @returns {readonly import("./frames.js").Region[]} */
export function regionsOf(desk) {
  return desk.state.facts[desk.state.frame]?.regions ?? NO_REGIONS;
}

/** Whether an object isn't drawn on its frame: its user hid it, or rejected it. @param {Item} item */
export function isHidden(item) {
  return item.hidden || item.verdict === "rejected";
}

/** Whether an object is drawn now. @param {Desk} desk @param {Item} item */
export function isSeen(desk, item) {
  return item.frame === desk.state.frame && !desk.state.bare && !isHidden(item);
}

/** Whether an object is drawn only to be looked at again: it was rejected, and is chosen. @param {Desk} desk @param {Item} item */
export function isReviewed(desk, item) {
  return item.verdict === "rejected" && !item.hidden && item.frame === desk.state.frame && !desk.state.bare && item.id === desk.doc.chosen;
}

/** The box that an object's tag stands on: its prompt's, else its mask's, else its first click. @param {Item} item @returns {Box | null} */
export function tagBox(item) {
  const mask = maskOf(item);
  const [point] = item.prompt.points;
  return item.prompt.box ?? (mask && outlineOf(mask).box) ?? (point ? [point.x, point.y, point.x, point.y] : null);
}

/** The grips that can be taken now. @param {Desk} desk */
export function gripsNow(desk) {
  const item = chosenOf(desk.doc);
  if (!item || !isSeen(desk, item)) return gripsOf(choose(desk.doc, null), desk.state.frame, []);
  return gripsOf(desk.doc, desk.state.frame, axesOf(item, regionsOf(desk)));
}

export class Stage {
  /** @param {Desk} desk @param {HTMLCanvasElement} canvas */
  constructor(desk, canvas) {
    this.desk = desk;
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.toned = new Toned();
    this.due = false;
    desk.listeners.push(() => this.wake());
    new ResizeObserver(() => this.wake()).observe(canvas);
  }

  /** The stage's size in CSS pixels. */
  get room() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  wake() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.paint();
    });
  }

  /** @returns {View | null} where the image lies now */
  get view() {
    const { source, view, fitted } = this.desk.state;
    if (!source) return null;
    return fitted || !view ? fit(source, this.room) : view;
  }

  paint() {
    const { pen, canvas, desk, room } = this;
    const dense = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(room.width * dense), Math.round(room.height * dense)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, room.width, room.height);
    const { bitmap, tone } = desk.state;
    const view = this.view;
    if (!bitmap || !view) return;
    pen.imageSmoothingEnabled = view.scale < SMOOTH_BELOW;
    pen.drawImage(this.toned.show(bitmap, tone), view.x, view.y, bitmap.width * view.scale, bitmap.height * view.scale);
    if (!desk.state.bare) this.paintMarks(view, dense);
  }

  /** @param {View} view @param {number} dense */
  paintMarks(view, dense) {
    const { pen, desk } = this;
    const { doc, state } = desk;
    const chosen = chosenOf(doc);
    const seen = onFrame(doc, state.frame).filter((item) => isSeen(desk, item));
    for (const item of seen) this.paintOutline(item, view, dense, item === chosen);
    if (chosen && isReviewed(desk, chosen)) this.paintRejected(chosen, view, dense);
    for (const item of seen) {
      const colour = colourOf(item.id);
      const waits = state.asking.includes(item.id);
      if (item.prompt.box && (item === chosen || waits)) drawBox(pen, view, item.prompt.box, colour);
      if (item.prompt.box && item === chosen && state.tool === "outline") drawHandles(pen, view, item.prompt.box, colour);
      if (item === chosen || waits) for (const point of item.prompt.points) drawPoint(pen, view, point, colour);
      const box = tagBox(item);
      if (box) drawTag(pen, view, box, tagText(item), colour, item === chosen);
    }
    const brushing = state.tool === "brush" || state.tool === "erase";
    if (chosen && seen.includes(chosen) && !brushing) this.paintAxes(chosen, view);
    this.paintCalipers(view);
    if (state.band) drawBox(pen, view, state.band, "255,255,255");
    const grip = gripsNow(desk)[state.grip];
    if (grip) drawGrip(pen, view, grip.at);
    if (brushing && state.pointer) drawBrush(pen, state.pointer, state.brush_px * view.scale, state.tool === "brush");
  }

  /** @param {Item} item @param {View} view @param {number} dense @param {boolean} chosen */
  paintOutline(item, view, dense, chosen) {
    const mask = maskOf(item);
    if (!mask) return;
    const { pen } = this;
    const colour = colourOf(item.id);
    const { path } = outlineOf(mask);
    pen.save();
    pen.setTransform(dense * view.scale, 0, 0, dense * view.scale, dense * view.x, dense * view.y);
    pen.fillStyle = `rgba(${colour},${this.desk.state.opacity / 100})`;
    pen.fill(path, "evenodd");
    pen.lineWidth = (chosen ? 2.25 : 1.5) / view.scale;
    pen.strokeStyle = `rgb(${colour})`;
    pen.stroke(path);
    pen.restore();
  }

  /** A rejected outline: dashed, faint, and without its fill. @param {Item} item @param {View} view @param {number} dense */
  paintRejected(item, view, dense) {
    const mask = maskOf(item);
    if (!mask) return;
    const { pen } = this;
    const colour = colourOf(item.id);
    pen.save();
    pen.globalAlpha = 0.7;
    const box = tagBox(item);
    if (box) drawTag(pen, view, box, tagText(item), colour, false);
    pen.setTransform(dense * view.scale, 0, 0, dense * view.scale, dense * view.x, dense * view.y);
    pen.lineWidth = 1.5 / view.scale;
    pen.setLineDash([6 / view.scale, 5 / view.scale]);
    pen.strokeStyle = `rgb(${colour})`;
    pen.stroke(outlineOf(mask).path);
    pen.restore();
  }

  /** @param {Item} item @param {View} view */
  paintAxes(item, view) {
    for (const { axis, line, byHand, spacing } of axesOf(item, regionsOf(this.desk))) {
      const text = `${told(lengthOf(line, spacing))}${byHand ? ", by hand" : ""}`;
      drawCaliper(this.pen, view, line, { text, colour: DIAMETER, dashed: axis === "perpendicular" });
    }
  }

  /** @param {View} view */
  paintCalipers(view) {
    const { desk, pen } = this;
    for (const { id, line, frame } of desk.doc.calipers) {
      if (frame !== desk.state.frame) continue;
      const { spacing } = spacingOfLine(regionsOf(desk), line);
      drawCaliper(pen, view, line, { text: `C${id}  ${told(lengthOf(line, spacing))}`, colour: CALIPER });
    }
  }
}

/** @param {Item} item */
export function tagText(item) {
  if (item.verdict === "rejected") return `${item.id} ✗`;
  return item.verdict === "accepted" || item.verdict === "edited" ? `${item.id} ✓` : String(item.id);
}
