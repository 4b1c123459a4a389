// Pointers, wheel and Space to gestures: one pointer works with the tool, two fingers pan and zoom, the middle button and
// a held Space pan. Leaves out: what a tool does (tools.js).
import { pan, zoom } from "./geometry.js";

/** @typedef {import("./state.js").Place} Place */
/** @typedef {{at: Place, shift: boolean, touch: boolean, time_ms: number}} Touch a place on the stage; time on performance.now()'s clock */
/** @typedef {{down: (touch: Touch) => void, move: (touch: Touch) => void, up: (touch: Touch) => void, cancel: () => void, hover: (at: Place | null) => void}} Worker */

const WHEEL_STEP = 1.0015;
const LINE_PX = 16;

export class Gestures {
  /** @param {import("./desk.js").Desk} desk @param {import("./paint.js").Stage} stage @param {Worker} worker */
  constructor(desk, stage, worker) {
    this.desk = desk;
    this.stage = stage;
    this.worker = worker;
    /** @type {Map<number, Place>} */
    this.down = new Map();
    /** @type {"tool" | "pan" | "pinch" | null} */
    this.doing = null;
    this.space = false;
    const { canvas } = stage;
    canvas.addEventListener("pointerdown", (event) => this.pressed(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => this.released(event));
    canvas.addEventListener("pointercancel", (event) => this.lost(event));
    canvas.addEventListener("pointerleave", () => this.worker.hover(null));
    canvas.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    document.addEventListener("keydown", (event) => this.spaced(event, true));
    document.addEventListener("keyup", (event) => this.spaced(event, false));
    window.addEventListener("blur", () => (this.space = false));
  }

  /** @param {MouseEvent} event @returns {Place} */
  at(event) {
    const { left, top } = this.stage.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  /** @param {PointerEvent} event @returns {Touch} */
  touch(event) {
    return { at: this.at(event), shift: event.shiftKey, touch: event.pointerType === "touch", time_ms: event.timeStamp };
  }

  /** @param {PointerEvent} event */
  pressed(event) {
    if (!this.desk.state.source || event.button > 1) return;
    if (event.button === 1) event.preventDefault();
    this.stage.canvas.focus({ preventScroll: true });
    this.stage.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, this.at(event));
    if (this.down.size === 2) {
      if (this.doing === "tool") this.worker.cancel();
      this.doing = "pinch";
    } else if (this.down.size === 1) {
      this.doing = event.button === 1 || this.space || this.desk.state.tool === "pan" ? "pan" : "tool";
      if (this.doing === "tool") this.worker.down(this.touch(event));
    }
    this.stage.canvas.classList.toggle("panning", this.doing === "pan");
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const at = this.at(event);
    if (event.pointerType !== "touch") this.worker.hover(at);
    const before = this.down.get(event.pointerId);
    if (!before) return;
    if (this.doing === "pinch") this.pinch(event.pointerId, before, at);
    this.down.set(event.pointerId, at);
    if (this.doing === "pan") this.look((view, source, room) => pan(view, at[0] - before[0], at[1] - before[1], source, room));
    if (this.doing === "tool") this.worker.move(this.touch(event));
  }

  /** One of two fingers moved: the image follows both. @param {number} id @param {Place} before @param {Place} at */
  pinch(id, before, at) {
    const other = [...this.down].find(([pointer]) => pointer !== id)?.[1];
    if (!other) return;
    const apart = Math.hypot(before[0] - other[0], before[1] - other[1]);
    const factor = apart > 1 ? Math.hypot(at[0] - other[0], at[1] - other[1]) / apart : 1;
    const [dx, dy] = [(at[0] - before[0]) / 2, (at[1] - before[1]) / 2];
    const middle = /** @type {Place} */ ([(at[0] + other[0]) / 2, (at[1] + other[1]) / 2]);
    this.look((view, source, room) => zoom(pan(view, dx, dy, source, room), factor, middle, source, room));
  }

  /** @param {PointerEvent} event */
  released(event) {
    if (!this.down.delete(event.pointerId)) return;
    const was = this.doing;
    if (!this.down.size) {
      this.doing = null;
      this.stage.canvas.classList.remove("panning");
    }
    if (was === "tool") this.worker.up(this.touch(event));
  }

  /** @param {PointerEvent} event */
  lost(event) {
    if (!this.down.delete(event.pointerId)) return;
    if (this.doing === "tool") this.worker.cancel();
    if (!this.down.size) this.doing = null;
  }

  /** @param {WheelEvent} event */
  wheeled(event) {
    const { source, frame } = this.desk.state;
    if (!source) return;
    event.preventDefault();
    const by = (event.deltaY || event.deltaX) * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
    if (event.shiftKey || event.altKey) {
      this.desk.set({ playing: false });
      this.desk.goTo(frame + Math.sign(by));
    } else {
      this.zoomBy(WHEEL_STEP ** -by, this.at(event));
    }
  }

  /** @param {number} factor @param {Place} [about] the stage's middle by default */
  zoomBy(factor, about) {
    this.look((view, source, room) => zoom(view, factor, about ?? [room.width / 2, room.height / 2], source, room));
  }

  /** One image pixel on one of the screen's own. */
  zoomToOne() {
    const scale = 1 / (window.devicePixelRatio || 1);
    if (this.stage.view) this.zoomBy(scale / this.stage.view.scale);
  }

  /** @param {(view: import("./geometry.js").View, source: import("./geometry.js").Size, room: import("./geometry.js").Size) => import("./geometry.js").View} change */
  look(change) {
    const { view, room } = this.stage;
    const { source } = this.desk.state;
    if (view && source) this.desk.set({ view: change(view, source, room), fitted: false });
  }

  /** @param {KeyboardEvent} event @param {boolean} held */
  spaced(event, held) {
    if (event.key !== " ") return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target !== this.stage.canvas && target !== document.body) return;
    event.preventDefault();
    this.space = held;
    this.stage.canvas.classList.toggle("grab", held);
  }
}
