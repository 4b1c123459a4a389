// The objects as a list: what each one is, its measurements, and what can be done with it.
import { at, icon, make } from "./page.js";
import { regionsOf } from "./paint.js";
import { lengthOf, spacingOfLine, told, toldArea, toldSource } from "./measure.js";
import { answerTo, axesOf, maskOf, measuredOf } from "./shapes.js";
import { changeItem, itemOf, moveAxis, removeCaliper, removeItem, rename } from "./state.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./state.js").Item} Item */

const EYE = "M1.800 10s3-5.500 8.200-5.500S18.200 10 18.200 10s-3 5.500-8.200 5.500S1.800 10 1.800 10zM10 7.700a2.300 2.300 0 1 0 0 4.600 2.300 2.300 0 0 0 0-4.600z";
const SHUT = "M3 3l14 14M4.200 6.700A13 13 0 0 0 1.800 10s3 5.500 8.200 5.500c1.300 0 2.400-.3 3.400-.8M8 4.700c.6-.1 1.300-.2 2-.2 5.200 0 8.200 5.500 8.200 5.500a14 14 0 0 1-2 2.600";
const CONFIDENCE = "Confidence: expected overlap (IoU) with a reader's outline, from the validation images";
const VERDICTS = { accepted: "✓ accepted", edited: "✓ accepted as corrected by hand", rejected: "✗ rejected" };

export class List {
  /** @param {Desk} desk @param {import("./verdicts.js").Verdicts} verdicts */
  constructor(desk, verdicts) {
    this.desk = desk;
    this.verdicts = verdicts;
    /** @type {Map<number, {key: string, row: HTMLElement}>} */
    this.rows = new Map();
    /** @type {number | null} */
    this.renaming = null;
  }

  show() {
    const { desk } = this;
    const { items } = desk.doc;
    const kept = new Map();
    const rows = items.map((item) => {
      const key = this.keyOf(item);
      const old = this.rows.get(item.id);
      const row = old && old.key === key ? old.row : this.row(item);
      kept.set(item.id, { key, row });
      return row;
    });
    this.rows = kept;
    replace(at("objects"), rows);
    this.showCalipers();
    at("accept-all").hidden = this.verdicts.open().length < 2;
  }

  /** Everything that a row shows. @param {Item} item */
  keyOf(item) {
    const { state, doc } = this.desk;
    const chosen = doc.chosen === item.id;
    const facts = state.facts[item.frame];
    const mask = maskOf(item);
    const axes = chosen && state.preview ? axesOf(item, facts?.regions ?? []).map((axis) => axis.line) : item.moved;
    return JSON.stringify([chosen, state.bare, this.desk.models(), item.name, item.hidden, item.verdict, mask?.counts.length ? mask.counts : measuredOf(item, [])?.area_px, item.edit !== null, axes,
      state.asking.includes(item.id), state.source && state.source.frames > 1, item.frame === state.frame, this.renaming === item.id, facts?.regions]);
  }

  /** @param {Item} item @returns {HTMLElement} */
  row(item) {
    const { desk } = this;
    const chosen = desk.doc.chosen === item.id;
    const elsewhere = item.frame !== desk.state.frame;
    const chip = make("span", { class: `chip c${(item.id - 1) % 6}`, text: String(item.id), "aria-hidden": "true" });
    const pick = make("button", { type: "button", class: "pick", "data-do": "pick", "aria-pressed": String(chosen), onclick: () => desk.choose(item.id) },
      chip, make("span", { class: "name", text: item.name }), make("small", { text: this.told(item), title: !item.edit && answerTo(item.prompt)?.found.confidence != null && CONFIDENCE }));
    pick.addEventListener("dblclick", () => this.rename(item.id));
    const eye = make("button", { type: "button", class: "eye plain", "data-do": "eye", "aria-pressed": String(item.hidden), "aria-label": `Hide ${item.name}`,
      title: item.hidden ? "Show" : "Hide", onclick: () => desk.step(changeItem(desk.doc, item.id, { hidden: !item.hidden })) }, icon(item.hidden ? SHUT : EYE));
    const row = make("li", { class: `item${chosen ? " chosen" : ""}${elsewhere ? " elsewhere" : ""}` });
    row.append(make("div", { class: "head" }, this.renaming === item.id ? this.nameField(item, chip) : pick, eye));
    const found = item.edit ? null : answerTo(item.prompt)?.found;
    if (found?.abstain) row.append(make("p", { class: "abstain", text: "⚠ don't rely on this outline" }));
    if (chosen) row.append(...this.detail(item));
    return row;
  }

  /** One line about an object. @param {Item} item */
  told(item) {
    const { state } = this.desk;
    const where = state.source && state.source.frames > 1 ? [`frame ${item.frame + 1}`] : [];
    if (state.asking.includes(item.id)) return [...where, "asking …"].join(", ");
    if (item.verdict) where.push(VERDICTS[item.verdict]);
    if (item.edit) return [...where, ...(item.verdict ? [] : ["corrected by hand"])].join(", ");
    const answer = answerTo(item.prompt);
    if (!answer) return where.join(", ");
    const { found, model } = answer;
    if (item.frame === state.frame && this.desk.models().length > 1) where.push(`${model.name} version ${model.version}`);
    const sure = found.confidence !== null ? `confidence ${found.confidence.toFixed(2)}` : `quality ${found.quality.toFixed(2)}, not calibrated`;
    return [...where, sure].join(", ");
  }

  /** @param {Item} item @returns {HTMLElement[]} */
  detail(item) {
    const { desk } = this;
    const regions = desk.state.facts[item.frame]?.regions ?? [];
    const measured = measuredOf(item, regions);
    const out = [];
    if (measured) {
      const lines = [line("Area", toldArea(measured.area_px, measured.area_mm2))];
      for (const { axis, line: drawn, byHand, spacing, why } of axesOf(item, regions)) {
        const back = byHand && make("button", { type: "button", class: "small", "data-do": axis, text: "Reset", "aria-label": `Back to the measured ${axis} diameter`,
          onclick: () => desk.step(moveAxis(desk.doc, item.id, axis, null)) });
        lines.push(line(axis === "longest" ? "Longest" : "Perpendicular", told(lengthOf(drawn, spacing)), ...(back ? [make("em", { text: "moved by hand" }), back] : []),
          ...(measured.spacing && !spacing ? [make("small", { text: toldSource(regions, spacing, why) })] : [])));
      }
      const several = measured.parts > 1 ? [make("p", { class: "parts", text: `${measured.parts} parts: area counts all, diameters are of the largest` })] : [];
      out.push(make("dl", { class: "measures" }, ...lines), ...several, make("p", { class: "source", text: toldSource(regions, measured.spacing, measured.why) }));
    }
    const act = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ onclick, more = {}) =>
      make("button", { type: "button", "data-do": name, text, "aria-label": `${text} ${item.name}`, onclick, ...more });
    out.push(make("div", { class: "acts" },
      act("accept", "Accept", () => this.verdicts.acceptChosen(), { class: "good", disabled: !this.verdicts.canJudge(item, "accepted") }),
      act("reject", "Reject", () => this.verdicts.reject(item.id), { disabled: !this.verdicts.canJudge(item, "rejected") }),
      act("rename", "Rename", () => this.rename(item.id)),
      act("delete", "Delete", () => desk.step(removeItem(desk.doc, item.id)))));
    return out;
  }

  /** @param {Item} item @param {HTMLElement} chip */
  nameField(item, chip) {
    const input = make("input", { type: "text", class: "rename", value: item.name, maxlength: "64", "aria-label": `Name of ${item.name}` });
    const done = (/** @type {boolean} */ keep) => {
      if (this.renaming !== item.id) return;
      this.renaming = null;
      const doc = keep ? rename(this.desk.doc, item.id, input.value) : this.desk.doc;
      if (doc !== this.desk.doc) this.desk.step(doc);
      this.show();
      /** @type {HTMLElement | null | undefined} */ (this.rows.get(item.id)?.row.querySelector(".pick"))?.focus();
    };
    input.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      done(event.key === "Enter");
    });
    input.addEventListener("blur", () => setTimeout(() => done(true))); // never while a list is being replaced
    return make("div", { class: "pick" }, chip, input);
  }

  /** @param {number | null} id */
  rename(id) {
    if (itemOf(this.desk.doc, id) === null) return;
    this.renaming = id;
    this.show();
    const input = at("objects").querySelector(".rename");
    input?.focus();
    input?.select();
  }

  showCalipers() {
    const { desk } = this;
    const rows = desk.doc.calipers.filter((one) => one.frame === desk.state.frame).map(({ id, line: drawn }) => {
      const regions = regionsOf(desk);
      const { spacing, why } = spacingOfLine(regions, drawn);
      const pixels = !spacing && regions.length ? [make("small", { text: toldSource(regions, spacing, why) })] : [];
      return make("li", { class: "caliper" }, make("span", { text: `Caliper ${id}` }), make("b", { text: told(lengthOf(drawn, spacing)) }), ...pixels,
        make("button", { type: "button", class: "small", "data-do": `caliper${id}`, text: "Delete", "aria-label": `Delete caliper ${id}`, onclick: () => desk.step(removeCaliper(desk.doc, id)) }));
    });
    replace(at("calipers"), rows);
  }
}

/** @param {string} name @param {string} value @param {Node[]} more */
function line(name, value, ...more) {
  return make("div", {}, make("dt", { text: name }), make("dd", {}, make("b", { text: value }), ...more));
}

/** New rows in place of the old ones; the focus stays on what it was on. @param {HTMLElement} list @param {HTMLElement[]} rows */
function replace(list, rows) {
  if (rows.length === list.children.length && rows.every((row, n) => row === list.children[n])) return;
  const focused = list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  const place = focused ? [...list.children].findIndex((row) => row.contains(focused)) : -1;
  list.replaceChildren(...rows);
  if (!focused || place < 0) return;
  const row = rows[Math.min(place, rows.length - 1)];
  const again = row?.querySelector(`[data-do="${focused.dataset.do}"]:not(:disabled)`) ?? row?.querySelector(".pick");
  /** @type {HTMLElement | null} */ (again ?? null)?.focus();
}
