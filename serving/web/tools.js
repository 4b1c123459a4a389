// What one pointer does with the chosen tool: boxes and clicks, brush and eraser, calipers, window and level.
import { boxBetween, hasArea, toImage, within } from "./geometry.js";
import { gripAt, pull } from "./grips.js";
import { tagRoom } from "./marks.js";
import { stroke } from "./masks.js";
import { gripsNow, isHidden, isSeen, tagBox, tagText } from "./paint.js";
import { decode, encode } from "./rle.js";
import { maskOf, outlineOf, sketch } from "./shapes.js";
import { addCaliper, addItem, chosenOf, onFrame, setEdit, setPrompt } from "./state.js";
import { sensible } from "./tone.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./state.js").Place} Place */
/** @typedef {import("./state.js").Prompt} Prompt */
/** @typedef {import("./gestures.js").Touch} Touch */
/** @typedef {{move: (touch: Touch, place: Place) => void, up: (touch: Touch, place: Place) => void}} Drag */

const CLICK_PX = 4; // a drag shorter than this on the screen is a click
const LEAST_BOX_PX = 3; // a box smaller than this both ways, in the image's pixels, is one too
const REACH_PX = { mouse: 9, touch: 22 };

export class Tools {
  /** @param {Desk} desk @param {import("./paint.js").Stage} stage */
  constructor(desk, stage) {
    this.desk = desk;
    this.stage = stage;
    /** @type {Drag | null} */
    this.drag = null;
    // Another picture under a pointer that is down: what it draws belongs to neither.
    desk.listeners.push((state, before) => {
      if (this.drag && (state.frame !== before.frame || state.source !== before.source)) this.cancel();
    });
  }

  /** @param {Place} at @returns {Place} within the image */
  place(at) {
    const { view } = this.stage;
    const { source } = this.desk.state;
    return view && source ? within(toImage(view, at), source) : [0, 0];
  }

  /** @param {Touch} touch */
  down(touch) {
    const { tool, playing } = this.desk.state;
    this.desk.flush();
    if (playing) this.desk.set({ playing: false });
    const place = this.place(touch.at);
    this.desk.set({ pointer: touch.at });
    const begin = { outline: this.outline, brush: this.paint, erase: this.paint, caliper: this.caliper, tone: this.tone, pan: () => null };
    this.drag = begin[tool].call(this, touch, place);
  }

  /** @param {Touch} touch */
  move(touch) {
    this.drag?.move(touch, this.place(touch.at));
  }

  /** @param {Touch} touch */
  up(touch) {
    const drag = this.drag;
    this.drag = null;
    if (touch.touch) this.desk.set({ pointer: null });
    drag?.up(touch, this.place(touch.at));
  }

  cancel() {
    this.drag = null;
    this.desk.set({ preview: null, band: null });
  }

  /** @param {Place | null} at */
  hover(at) {
    const { tool, source } = this.desk.state;
    if (source && (tool === "brush" || tool === "erase")) this.desk.set({ pointer: at });
    if (!source || !at || this.drag) return;
    this.stage.canvas.classList.toggle("over", tool !== "tone" && (this.gripIndex(at, REACH_PX.mouse) >= 0 || this.tagged(at) !== null));
  }

  // ---- what is under the pointer

  /** @param {Place} at @param {number} reach_px */
  gripIndex(at, reach_px) {
    const { view } = this.stage;
    const item = chosenOf(this.desk.doc);
    if (!view) return -1;
    const box = item && item.frame === this.desk.state.frame && isSeen(this.desk, item) ? item.prompt.box : null;
    const grips = gripsNow(this.desk);
    const index = gripAt(grips, view, at, reach_px, box);
    if (index < 0 || this.desk.state.tool === "outline") return index;
    // Other tools leave boxes and clicks alone.
    return ["axis", "caliper"].includes(grips[index].kind) ? index : -1;
  }

  /** The object whose number is under a place. @param {Place} at */
  tagged(at) {
    const { view } = this.stage;
    if (!view) return null;
    const hit = onFrame(this.desk.doc, this.desk.state.frame).filter((item) => {
      const box = isSeen(this.desk, item) ? tagBox(item) : null;
      if (!box) return false;
      const { x, y, wide, high } = tagRoom(view, box, tagText(item));
      return at[0] >= x - 4 && at[0] <= x + wide + 4 && at[1] >= y - 4 && at[1] <= y + high + 4;
    });
    return hit.length ? hit[hit.length - 1] : null;
  }

  /** Move what is under the pointer, if something is. @param {Touch} touch @param {Place} start @returns {Drag | null} */
  hold(touch, start) {
    const { desk } = this;
    const tag = this.tagged(touch.at);
    if (tag && desk.doc.chosen !== tag.id) desk.choose(tag.id);
    const grips = gripsNow(desk);
    const index = tag ? grips.findIndex((grip) => grip.kind === "box") : this.gripIndex(touch.at, touch.touch ? REACH_PX.touch : REACH_PX.mouse);
    if (index < 0) return tag ? { move: () => {}, up: () => {} } : null;
    const grip = grips[index];
    const { source } = desk.state;
    if (!source) return null;
    desk.set({ grip: tag ? -1 : index });
    /** The document as it is by then: a verdict may have come meanwhile. @param {Place} place */
    const pulled = (place) => pull(desk.state.history.present, grip, place[0] - start[0], place[1] - start[1], source);
    let far = false;
    return {
      move: ({ at }, place) => {
        far ||= Math.hypot(at[0] - touch.at[0], at[1] - touch.at[1]) >= CLICK_PX;
        if (far) desk.set({ preview: pulled(place) });
      },
      up: ({ time_ms }, place) => {
        if (far) this.ask(pulled(place), time_ms);
      },
    };
  }

  // ---- tools

  /** @param {Touch} touch @param {Place} start @returns {Drag | null} */
  outline(touch, start) {
    const { desk } = this;
    const held = this.hold(touch, start);
    if (held) return held;
    desk.set({ grip: -1 });
    let far = false;
    return {
      move: ({ at }, place) => {
        far ||= Math.hypot(at[0] - touch.at[0], at[1] - touch.at[1]) >= CLICK_PX;
        if (far) desk.set({ band: boxBetween(start, place) });
      },
      up: ({ time_ms }, place) => {
        const box = boxBetween(start, place);
        const small = box[2] - box[0] < LEAST_BOX_PX && box[3] - box[1] < LEAST_BOX_PX;
        desk.set({ band: null });
        if (!far || small) this.click(start, touch.shift !== desk.state.positive, time_ms);
        else if (hasArea(box)) this.ask(addItem(desk.state.history.present, desk.state.frame, { box, points: [], mask: null }), time_ms);
      },
    };
  }

  /** A point on the chosen object, or beside it; without one, a new object. @param {Place} place @param {boolean} positive @param {number} [time_ms] */
  click([x, y], positive, time_ms) {
    const { desk } = this;
    const doc = desk.state.history.present;
    const point = { x, y, positive };
    const item = chosenOf(doc);
    if (!item) return this.ask(addItem(doc, desk.state.frame, { box: null, points: [point], mask: null }), time_ms);
    if (item.frame !== desk.state.frame || isHidden(item)) {
      if (item.verdict === "rejected") return desk.notices.say(`${item.name} is rejected, so that no click is given to it. Accept it again, or begin a new object.`);
      return desk.notices.say(`${item.name} isn't drawn, so that no click is given to it. Show it, choose another, or begin a new object.`);
    }
    // What a hand corrected is always kept as a start, else the click would throw it away.
    const last = desk.state.refine || item.edit ? maskOf(item) : null;
    const mask = last && outlineOf(last).box ? last : null;
    this.ask(setPrompt(doc, item.id, { box: item.prompt.box, points: [...item.prompt.points, point], mask }), time_ms);
  }

  /** @param {import("./state.js").Doc} doc @param {number} [time_ms] when the pointer was let go */
  ask(doc, time_ms = 0) {
    this.desk.outlines.released_ms = time_ms;
    this.desk.step(doc);
  }

  /** @param {Touch} _ @param {Place} start @returns {Drag | null} */
  paint(_, start) {
    const { desk } = this;
    const item = chosenOf(desk.doc);
    const mask = item && maskOf(item);
    if (!item || !mask || item.frame !== desk.state.frame || !isSeen(desk, item)) {
      desk.notices.say("Choose an outlined object first: the brush corrects its mask.");
      return null;
    }
    const [height, width] = mask.size;
    /** @param {import("./state.js").Rle} edit */
    const painted = (edit) => setEdit(desk.state.history.present, item.id, edit);
    const pixels = decode(mask);
    let last = start;
    /** @param {Place} to */
    const draw = (to) => {
      stroke(pixels, width, last, to, desk.state.brush_px, desk.state.tool === "brush" ? 1 : 0);
      last = to;
      desk.set({ preview: painted(sketch(pixels, width)) });
    };
    draw(start);
    return {
      move: ({ at }, place) => {
        desk.set({ pointer: at });
        draw(place);
      },
      up: () => desk.step(painted(encode(pixels, width, height))),
    };
  }

  /** @param {Touch} touch @param {Place} start @returns {Drag | null} */
  caliper(touch, start) {
    const { desk } = this;
    const held = this.hold(touch, start);
    if (held) return held;
    /** @param {Place} to */
    const drawn = (to) => addCaliper(desk.state.history.present, desk.state.frame, { from: start, to });
    return {
      move: (_, place) => desk.set({ preview: drawn(place) }),
      up: ({ at }, place) => {
        const far = Math.hypot(at[0] - touch.at[0], at[1] - touch.at[1]) >= CLICK_PX;
        if (far) desk.step(drawn(place));
        else desk.set({ preview: null });
      },
    };
  }

  /** Across for the window's width, down for its level. @param {Touch} touch @returns {Drag} */
  tone(touch) {
    const { tone } = this.desk.state;
    return {
      move: ({ at }) => {
        const [dx, dy] = [at[0] - touch.at[0], at[1] - touch.at[1]];
        this.desk.set({ tone: sensible({ ...tone, width: tone.width + dx, level: tone.level + dy / 2 }) });
      },
      up: () => {},
    };
  }
}
