// The controls around the stage, each bound to a part of the state, and shown as the state is.
import { decode, encode } from "./rle.js";
import { spread } from "./masks.js";
import { isCalibrated, toldSource, spacingOf } from "./measure.js";
import { at } from "./page.js";
import { gripsNow, isSeen, regionsOf } from "./paint.js";
import { maskOf, measuredOf } from "./shapes.js";
import { addItem, chosenOf, setEdit } from "./state.js";
import { isPlain, PLAIN, sensible } from "./tone.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./desk.js").State} State */

export class Panel {
  /** @param {Desk} desk @param {{stage: import("./paint.js").Stage, tools: import("./tools.js").Tools, actions: (name: string) => void}} parts */
  constructor(desk, { stage, tools, actions }) {
    this.desk = desk;
    this.stage = stage;
    this.tools = tools;
    for (const name of ["undo", "redo", "in", "out", "fit", "one", "open", "play"]) on(name, "click", () => actions(name));
    on("choose", "click", () => actions("open"));
    on("another", "click", () => actions("new"));
    on("discard", "click", () => actions("delete"));
    on("night", "click", () => actions("night"));
    on("before", "click", () => this.leaf(-1));
    on("after", "click", () => this.leaf(1));
    on("frame", "input", (value) => this.leafTo(Number(value) - 1));
    on("opacity", "input", (value) => desk.set({ opacity: Number(value) }));
    on("brush", "input", (value) => desk.set({ brush_px: Number(value) }));
    on("level", "change", (value) => this.tone({ level: Number(value) }));
    on("width", "change", (value) => this.tone({ width: Number(value) }));
    on("plain", "click", () => desk.set({ tone: PLAIN }));
    on("grow", "click", () => this.spread(1));
    on("shrink", "click", () => this.spread(0));
    for (const [id, patch] of /** @type {const} */ ([["bare", "bare"], ["refine", "refine"]])) {
      at(id).addEventListener("change", () => desk.set({ [patch]: at(id).checked }));
    }
    at("invert").addEventListener("change", () => this.tone({ invert: at("invert").checked }));
    for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => actions(`tool:${/** @type {HTMLElement} */ (button).dataset.tool}`));
    for (const radio of document.querySelectorAll("[name=sign]")) radio.addEventListener("change", () => desk.set({ positive: /** @type {HTMLInputElement} */ (radio).value === "positive" }));
    this.forms();
  }

  forms() {
    const { desk, tools } = this;
    /** @param {string} id @param {string[]} names @param {(numbers: number[]) => void} act */
    const form = (id, names, act) =>
      at(id).addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const given = new FormData(at(id));
        if (desk.state.source) act(names.map((name) => Number(given.get(name))));
        else desk.notices.say("Open an image first.");
      });
    form("box-form", ["x0", "y0", "x1", "y1"], ([x0, y0, x1, y1]) => {
      tools.ask(addItem(desk.doc, desk.state.frame, { box: [x0, y0, x1, y1], points: [], mask: null }));
    });
    form("point-form", ["x", "y"], ([x, y]) => tools.click([x, y], desk.state.positive));
  }

  /** @param {number} by */
  leaf(by) {
    this.leafTo(this.desk.state.frame + by);
  }

  /** @param {number} frame */
  leafTo(frame) {
    this.desk.set({ playing: false });
    this.desk.goTo(frame);
  }

  /** @param {Partial<import("./tone.js").Tone>} patch */
  tone(patch) {
    this.desk.set({ tone: sensible({ ...this.desk.state.tone, ...patch }) });
  }

  /** @param {0 | 1} value */
  spread(value) {
    this.desk.flush();
    const item = chosenOf(this.desk.doc);
    const mask = item && maskOf(item);
    if (!item || !mask || !isSeen(this.desk, item)) return this.desk.notices.say("Choose an outlined object that is drawn first.");
    const [height, width] = mask.size;
    this.desk.step(setEdit(this.desk.doc, item.id, encode(spread(decode(mask), width, value), width, height)));
  }

  // ---- as the state is

  /** @param {State} state */
  show(state) {
    const { source, history, tool } = state;
    document.body.classList.toggle("opened", source !== null);
    at("empty").hidden = source !== null;
    at("undo").disabled = !history.past.length;
    at("redo").disabled = !history.future.length;
    for (const id of ["in", "out", "fit", "one"]) at(id).disabled = !source;
    at("fit").setAttribute("aria-pressed", String(Boolean(source) && state.fitted));
    at("another").disabled = history.present.chosen === null;
    at("export").disabled = !history.present.items.some((item) => item.frame === state.frame && maskOf(item) && item.verdict !== "rejected");
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-tool]"))) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-for]"))) part.hidden = !(part.dataset.for ?? "").split(" ").includes(tool);
    const grip = gripsNow(this.desk)[state.grip];
    at("discard").hidden ||= !grip || (grip.kind !== "point" && grip.kind !== "caliper");
    at("discard").textContent = grip?.kind === "caliper" ? "Remove caliper" : "Remove click";
    at("canvas").dataset.tool = tool;
    this.showNumbers(state);
    this.showFrames(state);
    this.showScale(state);
  }

  /** @param {State} state */
  showNumbers({ positive, opacity, brush_px, tone, bare }) {
    /** @type {HTMLInputElement} */ (document.querySelector(`[name=sign][value=${positive ? "positive" : "negative"}]`)).checked = true;
    at("opacity").value = opacity;
    at("opacity-told").textContent = `${opacity} %`;
    at("brush").value = brush_px;
    at("brush-told").textContent = `${brush_px} px`;
    at("bare").checked = bare;
    at("invert").checked = tone.invert;
    for (const id of /** @type {const} */ (["level", "width"])) if (document.activeElement !== at(id)) at(id).value = tone[id];
    at("toned").hidden = isPlain(tone);
    at("toned").textContent = `Level ${tone.level}, width ${tone.width}${tone.invert ? ", inverted" : ""}`;
  }

  /** @param {State} state */
  showFrames({ source, frame, playing }) {
    at("frames").hidden = !source || source.frames < 2;
    if (!source) return;
    at("frame").max = source.frames;
    at("frame").value = frame + 1;
    at("frame").setAttribute("aria-valuetext", `frame ${frame + 1} of ${source.frames}`);
    at("frame-told").textContent = `${frame + 1} / ${source.frames}`;
    at("before").disabled = frame === 0;
    at("after").disabled = frame === source.frames - 1;
    at("play").setAttribute("aria-pressed", String(playing));
    at("play-label").textContent = playing ? "Pause" : "Play";
  }

  /** Where lengths come from, and the zoom in pixels of the screen. @param {State} state */
  showScale({ source, facts, frame }) {
    const { view } = this.stage;
    at("zoom").hidden = at("spacing").hidden = !source;
    if (!source || !view) return;
    at("zoom").textContent = `${Math.round(view.scale * (window.devicePixelRatio || 1) * 100)} %`;
    const regions = regionsOf(this.desk);
    const item = chosenOf(this.desk.doc);
    const measured = item && item.frame === frame ? measuredOf(item, regions) : null;
    // Without an object: what a place within the one region would be measured by.
    const { spacing, why } = measured ?? spacingOf(regions, regions[0]?.box ?? null);
    const several = !measured && regions.length > 1;
    const some = `${regions.filter(isCalibrated).length} of ${regions.length} regions calibrated: mm wholly inside one of them`;
    at("spacing").textContent = !facts[frame] ? "" : several ? some : toldSource(regions, spacing, why);
  }
}

/** @param {string} id @param {string} event @param {(value: string) => void} act */
function on(id, event, act) {
  at(id).addEventListener(event, () => act(at(id).value));
}
