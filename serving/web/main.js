// The page begins here: its parts are made and bound to each other, and keys, files and frames to what they do.
// Coordinates are the image's own pixels: origin at the top left corner of the top left pixel, x right, y down.
import { Desk } from "./desk.js";
import { askLeave, askToken, help } from "./dialogs.js";
import { Exporting } from "./exporting.js";
import { Gestures } from "./gestures.js";
import { discard, pull } from "./grips.js";
import { actionOf } from "./keys.js";
import { List } from "./list.js";
import { notices, showModel, showSession, warn } from "./notices.js";
import { at } from "./page.js";
import { Stage, gripsNow } from "./paint.js";
import { Panel } from "./panel.js";
import { player } from "./player.js";
import { Service, ServiceError } from "./service.js";
import { chosenOf, onFrame, removeItem } from "./state.js";
import { Tools } from "./tools.js";
import { Verdicts } from "./verdicts.js";

const ZOOM_STEP = 1.25;

const service = new Service({ token: askToken, tell: notices.say });
const desk = new Desk(service, notices);
const stage = new Stage(desk, at("canvas"));
const tools = new Tools(desk, stage);
const gestures = new Gestures(desk, stage, tools);
const verdicts = new Verdicts(desk);
const list = new List(desk, verdicts);
const exporting = new Exporting(desk);
const helping = help();
const panel = new Panel(desk, { stage, tools, actions: act });
player(desk);
at("accept-all").addEventListener("click", () => verdicts.acceptAll());

// Once a frame of the screen, and after what a change asks of the service has gone out.
let due = false;
desk.listeners.push(() => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    list.show();
    panel.show(desk.state);
    warn(desk);
    showModel(desk);
  });
});
new ResizeObserver(() => panel.show(desk.state)).observe(at("canvas"));

// ---- actions, by name

/** @type {Record<string, () => void>} */
const ACTIONS = {
  open: () => at("file").click(),
  export: () => exporting.open(),
  help: helping.open,
  undo: () => desk.travel("undo"),
  redo: () => desk.travel("redo"),
  cancel: () => {
    tools.cancel();
    desk.cancel();
  },
  new: () => desk.choose(null),
  next: () => {
    const items = onFrame(desk.doc, desk.state.frame);
    const place = items.findIndex((item) => item.id === desk.doc.chosen);
    if (items.length) desk.choose(items[(place + 1) % items.length].id);
  },
  rename: () => list.rename(desk.doc.chosen),
  accept: () => verdicts.acceptChosen(),
  delete: remove,
  sign: () => desk.set({ positive: !desk.state.positive }),
  smaller: () => desk.set({ brush_px: Math.max(1, desk.state.brush_px - 1) }),
  larger: () => desk.set({ brush_px: Math.min(60, desk.state.brush_px + 1) }),
  bare: () => desk.set({ bare: !desk.state.bare }),
  "grip:next": () => take(1),
  "grip:last": () => take(-1),
  in: () => gestures.zoomBy(ZOOM_STEP),
  out: () => gestures.zoomBy(1 / ZOOM_STEP),
  fit: () => desk.set({ fitted: true, view: null }),
  one: () => gestures.zoomToOne(),
  invert: () => panel.tone({ invert: !desk.state.tone.invert }),
  night: () => {
    const night = document.documentElement.toggleAttribute("data-night");
    at("night").setAttribute("aria-pressed", String(night));
  },
  play: () => desk.set({ playing: !desk.state.playing && (desk.state.source?.frames ?? 1) > 1 }),
  first: () => panel.leafTo(0),
  last: () => panel.leafTo((desk.state.source?.frames ?? 1) - 1),
};
for (const tool of /** @type {const} */ (["outline", "brush", "erase", "caliper", "tone", "pan"])) ACTIONS[`tool:${tool}`] = () => desk.set({ tool, pointer: null });
/** @type {Record<string, [number, number]>} */
const ARROWS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** @param {string} name */
function act(name) {
  ACTIONS[name]?.();
}

/** What the taken handle belongs to goes; without one, the chosen object. */
function remove() {
  const grip = gripsNow(desk)[desk.state.grip];
  const item = chosenOf(desk.doc);
  const next = grip ? discard(desk.doc, grip) : item && removeItem(desk.doc, item.id);
  if (next) desk.step(next);
  desk.set({ grip: -1 });
}

/** @param {number} by */
function take(by) {
  const grips = gripsNow(desk);
  if (!grips.length) return notices.say("Nothing to take: choose an object, or draw a caliper.");
  const grip = desk.state.grip < 0 && by < 0 ? grips.length - 1 : (desk.state.grip + by + grips.length) % grips.length;
  desk.set({ grip });
  notices.say(`Holding the ${grips[grip].told}. Arrows move it.`);
}

/** Move the taken handle, and ask once the keys rest. @param {[number, number]} way @param {number} by */
function nudge([dx, dy], by) {
  const { source } = desk.state;
  const grip = gripsNow(desk)[desk.state.grip];
  if (!grip || !source) return dx ? panel.leaf(dx) : undefined;
  desk.nudge(pull(desk.doc, grip, dx * by, dy * by, source));
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (document.querySelector("dialog[open]")) return;
  const name = actionOf(event, { tag: target.tagName, type: /** @type {HTMLInputElement} */ (target).type ?? "" }, helping.single());
  if (!name) return;
  event.preventDefault();
  if (name in ARROWS) nudge(ARROWS[name], event.shiftKey ? 10 : 1);
  else act(name);
});

// ---- files

/** What is on the page and in no file, with what keys are still moving. */
function left() {
  const { items, calipers } = desk.unsaved.of(desk.doc);
  return { items, calipers, any: items.length + calipers.length > 0 };
}

/** Open a file, after asking where that would throw work away. @param {File | undefined} file */
async function open(file) {
  if (!file || at("leave-dialog").open) return;
  tools.cancel();
  desk.flush();
  const { items, calipers, any } = left();
  const way = any ? await askLeave(file.name, { items, calipers }) : "open";
  if (way === "open") desk.open(file);
  if (way === "export") exportFirst([...items, ...calipers][0].frame, file.name);
}

/** Offer the export of a frame that holds unsaved work. @param {number} frame @param {string} name of the file that waits */
async function exportFirst(frame, name) {
  desk.set({ playing: false });
  if (frame !== desk.state.frame && !(await desk.goTo(frame))) return;
  desk.notices.say(`Export, then open ${name} again.`);
  if (!at("export-dialog").open) exporting.open();
}

window.addEventListener("beforeunload", (event) => {
  if (left().any) event.preventDefault();
});
at("file").addEventListener("change", () => {
  open(at("file").files[0]);
  at("file").value = "";
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("dropping");
});
document.addEventListener("dragleave", () => at("drop").classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("dropping");
  open(event.dataTransfer?.files[0]);
});
at("error-close").addEventListener("click", notices.calm);
window.addEventListener("online", () => notices.say("Connected again."));
window.addEventListener("offline", () => notices.say("This device is offline: outlines can't be asked for."));

// ---- what the service is

async function begin() {
  try {
    await desk.describe();
    const session = await service.json({ path: "/v1/session", method: "GET" });
    showSession(session);
    desk.set({ session });
  } catch (error) {
    if (!desk.state.card) at("model").textContent = error instanceof ServiceError && error.status === 401 ? "no access" : "no model";
    notices.fail(error);
  }
}

panel.show(desk.state);
begin();
