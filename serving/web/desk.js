// The page's one state, immutable, and what changes it: opening, frames, and steps with undo. Every other
// module reads `desk.state` and is told of each new one. Leaves out: the document's rules (state.js), asking (outlines.js).
import { Frames } from "./frames.js";
import { amend, everywhere, push, redo, start, undo } from "./history.js";
import { Outlines } from "./outlines.js";
import { aborted } from "./service.js";
import { answerTo } from "./shapes.js";
import { choose, chosenOn, EMPTY, itemOf, judge, onFrame } from "./state.js";
import { stepBetween } from "./steps.js";
import { PLAIN } from "./tone.js";
import { Unsaved } from "./unsaved.js";

/** @typedef {import("./state.js").Doc} Doc */
/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Box} Box */
/** @typedef {import("./geometry.js").View} View */
/** @typedef {"outline" | "brush" | "erase" | "caliper" | "tone" | "pan"} ToolName */
/** @typedef {Readonly<{
 *   history: import("./history.js").History<Doc>, preview: Doc | null, band: Box | null, pointer: import("./state.js").Place | null,
 *   source: {name: string, dicom: boolean, width: number, height: number, frames: number} | null,
 *   frame: number, bitmap: ImageBitmap | null, facts: Readonly<Record<number, import("./frames.js").Facts>>,
 *   view: View | null, fitted: boolean, tone: import("./tone.js").Tone, tool: ToolName, positive: boolean, refine: boolean,
 *   opacity: number, brush_px: number, bare: boolean, grip: number, asking: readonly number[], playing: boolean,
 *   card: any, cards: Readonly<Record<string, any>>, session: any}>} State card: of the model that serves; cards: by digest, former ones too */

const NUDGE_MS = 350;

/** @type {State} */
const FIRST = Object.freeze({
  history: start(EMPTY), preview: null, band: null, pointer: null, source: null, frame: 0, bitmap: null, facts: {},
  view: null, fitted: true, tone: PLAIN, tool: "outline", positive: true, refine: true, opacity: 25, brush_px: 6,
  bare: false, grip: -1, asking: [], playing: false, card: null, cards: {}, session: null,
});

export class Desk {
  /** @param {import("./service.js").Service} service @param {typeof import("./notices.js").notices} notices */
  constructor(service, notices) {
    this.service = service;
    this.notices = notices;
    this.state = FIRST;
    /** @type {Frames | null} */
    this.frames = null;
    /** @type {((state: State, before: State) => void)[]} */
    this.listeners = [];
    this.outlines = new Outlines(this);
    this.unsaved = new Unsaved();
    this.wanted = 0;
    this.nudging = 0;
  }

  /** Whatever changes, the chosen object is one of the frame that is shown. @param {Partial<State>} patch */
  set(patch) {
    const before = this.state;
    const { history, frame } = { ...before, ...patch };
    const present = chosenOn(history.present, frame);
    this.state = Object.freeze({ ...before, ...patch, history: present === history.present ? history : amend(history, present) });
    for (const listener of this.listeners) listener(this.state, before);
  }

  /** The document as it is shown: what a drag is about to make of it, or what is. @returns {Doc} */
  get doc() {
    return this.state.preview ?? this.state.history.present;
  }

  // ---- opening, frames

  /** @param {File} file */
  async open(file) {
    this.cancel(true);
    this.notices.calm();
    this.notices.say(`Opening ${file.name} …`);
    const frames = new Frames(this.service, file);
    try {
      // The page shows the pixels that the service decoded: DICOM too, and no browser's idea of orientation.
      const [bitmap, dicom] = await Promise.all([frames.bitmap(0), isDicom(file)]);
      this.frames?.close();
      this.frames = frames;
      frames.shown = bitmap;
      const source = { name: file.name, dicom, width: bitmap.width, height: bitmap.height, frames: 1 };
      this.set({ source, bitmap, frame: 0, facts: {}, history: start(EMPTY), view: null, fitted: true, tone: PLAIN, grip: -1, playing: false });
      this.notices.say("Preparing the image …");
      const facts = await this.learn(0);
      if (frames !== this.frames) return;
      const many = facts.frames > 1 ? `${facts.frames} frames of ` : "";
      this.notices.say(`${many}${bitmap.width} × ${bitmap.height} pixels, ready (${Math.round(facts.total_ms)} ms). Drag a box or click.`);
    } catch (error) {
      if (aborted(error)) return;
      if (frames !== this.frames) frames.close();
      this.notices.say("");
      this.notices.fail(error);
    }
  }

  /** What the service knows of a frame, which it makes ready for prompts. @param {number} frame */
  async learn(frame) {
    const frames = /** @type {Frames} */ (this.frames);
    const facts = await frames.facts(frame);
    if (frames === this.frames && this.state.source && this.state.facts[frame] !== facts) {
      // The same source stays the same object: a new one ends the drag that is under way.
      const source = this.state.source.frames === facts.frames ? this.state.source : { ...this.state.source, frames: facts.frames };
      this.set({ facts: { ...this.state.facts, [frame]: facts }, source });
      this.meet(facts.model);
    }
    return facts;
  }

  /** Show another frame; true once it is shown. @param {number} frame @returns {Promise<boolean>} */
  async goTo(frame) {
    const { source } = this.state;
    const frames = this.frames;
    if (!source || !frames) return false;
    const wanted = Math.min(Math.max(frame, 0), source.frames - 1);
    this.wanted = wanted;
    this.flush();
    try {
      const bitmap = await frames.bitmap(wanted);
      if (frames !== this.frames || this.wanted !== wanted) return false;
      frames.shown = bitmap;
      const resized = bitmap.width !== source.width || bitmap.height !== source.height;
      const size = resized ? { source: { ...source, width: bitmap.width, height: bitmap.height }, view: null, fitted: true } : {};
      // What was being drawn was drawn on the frame before.
      const other = wanted !== this.state.frame;
      if (other) this.notices.say(""); // it told of the frame before
      const dropped = other ? { preview: null, band: null, grip: -1 } : {};
      this.set({ frame: wanted, bitmap, ...dropped, ...size });
      return true;
    } catch (error) {
      if (!aborted(error)) this.notices.fail(error);
      return false;
    }
  }

  /** The model that answered. Where it isn't the one whose card the page has, either another serves now, or a former one answers for what it made ready. @param {import("./shapes.js").Model} model */
  meet(model) {
    if (!this.state.card || this.state.card.model.digest === model.digest) return;
    this.describe().catch(() => {}); // its name stands on the page already; its card comes with the next answer
  }

  /** The card of the model that serves now; those of former ones are kept. */
  async describe() {
    const card = await this.service.json({ path: "/v1/model", method: "GET" });
    const before = this.state.card;
    this.set({ card, cards: { ...this.state.cards, [card.model.digest]: card } });
    if (before && before.model.digest !== card.model.digest) this.notices.changed(card.model);
  }

  /** The models of what is shown: of each outline on the frame; without one, the model that made the frame ready; without an image, the one that serves. @returns {import("./shapes.js").Model[]} */
  models() {
    const { facts, frame, card } = this.state;
    const drew = onFrame(this.doc, frame).flatMap((item) => answerTo(item.prompt)?.model ?? []);
    const ready = facts[frame]?.model ?? card?.model;
    const all = drew.length || !ready ? drew : [ready];
    return all.filter((model, n) => all.findIndex(({ digest }) => digest === model.digest) === n);
  }

  // ---- steps

  /** A step that can be undone; outlines that it lacks are asked for. @param {Doc} doc */
  step(doc) {
    this.notices.say(""); // it told of the step before
    this.set({ history: push(this.state.history, doc), preview: null, band: null });
    this.outlines.settle();
  }

  /** A change that is no step of its own. @param {Doc} doc */
  amend(doc) {
    this.set({ history: amend(this.state.history, doc) });
  }

  /** A verdict is no step: undo neither takes it back nor goes through it. @param {Item} item as it was judged @param {import("./state.js").Verdict} verdict */
  judge(item, verdict) {
    this.set({ history: everywhere(this.state.history, (doc) => judge(doc, item, verdict)) });
  }

  /** Choose an object; one of another frame is chosen once its frame is shown, and nothing until then. @param {number | null} id */
  choose(id) {
    this.flush();
    const item = itemOf(this.state.history.present, id);
    const elsewhere = item !== null && item.frame !== this.state.frame;
    if (item) this.wanted = this.state.frame; // a frame that is still on its way isn't asked for any more
    this.amend(choose(this.state.history.present, elsewhere ? null : id));
    this.set({ grip: -1 });
    if (elsewhere) this.follow(item);
  }

  /** Show an object's frame, then choose it. @param {Item} item @param {string} [told] what happened before */
  async follow(item, told = "") {
    this.set({ playing: false });
    this.notices.say(`${told} Going to frame ${item.frame + 1}, where ${item.name} is …`);
    if (!(await this.goTo(item.frame)) || !itemOf(this.state.history.present, item.id)) return;
    this.amend(choose(this.state.history.present, item.id));
    this.notices.say(`${told} ${item.name} on frame ${item.frame + 1}.`);
  }

  /** What a key is about to make of the document; a step once the keys rest. @param {Doc} doc */
  nudge(doc) {
    this.set({ preview: doc });
    clearTimeout(this.nudging);
    this.nudging = setTimeout(() => this.flush(), NUDGE_MS);
  }

  /** What keys have moved, and what still waits for more of them, becomes a step now. */
  flush() {
    if (!this.nudging) return;
    this.rest();
    if (this.state.preview) this.step(this.state.preview);
  }

  rest() {
    clearTimeout(this.nudging);
    this.nudging = 0;
  }

  /** @param {"undo" | "redo"} way */
  travel(way) {
    this.rest();
    if (this.state.preview && way === "undo") return this.set({ preview: null });
    const before = this.state.history;
    const history = way === "undo" ? undo(before) : redo(before);
    if (history === before) return;
    this.set({ history, preview: null, band: null, grip: -1 });
    const item = itemOf(history.present, history.present.chosen);
    const told = way === "undo" ? `Undone: ${stepBetween(history.present, before.present)}.` : `Redone: ${stepBetween(before.present, history.present)}.`;
    this.notices.say(told);
    this.outlines.settle();
    if (item && item.frame !== this.state.frame) this.follow(item, told);
  }

  /** Esc: forget the drag and what is on its way, with the steps that asked for it. @param {boolean} [quiet] */
  cancel(quiet = false) {
    this.rest();
    const stopped = this.outlines.stop();
    this.set({ preview: null, band: null, grip: -1, playing: false });
    if (stopped && !quiet) this.notices.say("Cancelled.");
  }
}

/** @param {File} file */
async function isDicom(file) {
  return (await file.slice(128, 132).text()) === "DICM";
}
