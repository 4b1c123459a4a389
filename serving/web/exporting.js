// Files for others: masks, an overlay, COCO, DICOM SEG and SR by the service; the whole session as JSON by the page itself.
// Each holds the objects that are drawn on the frame that is shown: no hidden and no rejected ones. A file's name comes from the opened file's own.
import { at, make, save } from "./page.js";
import { isHidden } from "./paint.js";
import { answerTo, maskOf, measuredOf } from "./shapes.js";
import { ServiceError } from "./service.js";
import { onFrame } from "./state.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./state.js").Item} Item */
/** @typedef {"mask" | "overlay" | "coco" | "seg" | "sr" | "json"} Format */

/** @type {readonly {format: Format, name: string, told: string, ending: string, dicom?: boolean}[]} */
const FORMATS = [
  { format: "mask", name: "Mask PNG", told: "one object: 255; several: each one's number", ending: "_mask.png" },
  { format: "overlay", name: "Overlay PNG", told: "the image with its outlines", ending: "_overlay.png" },
  { format: "coco", name: "COCO JSON", told: "annotations for training and tools", ending: "_coco.json" },
  { format: "seg", name: "DICOM SEG", told: "segmentation, beside the image in the archive", ending: "_seg.dcm", dicom: true },
  { format: "sr", name: "DICOM SR", told: "structured report of the measurements", ending: "_sr.dcm", dicom: true },
  { format: "json", name: "Session JSON", told: "prompts, answers, corrections and calipers", ending: "_session.json" },
];
const EXPORT = "/v1/export";
/** @type {Set<Format>} */
const NEED_IMAGE = new Set(["overlay", "seg", "sr"]);

export class Exporting {
  /** @param {Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** What the open dialog names. @type {{source: unknown, frame: number, present: import("./state.js").Doc} | null} */
    this.told = null;
    at("export").addEventListener("click", () => this.open());
    at("export-close").addEventListener("click", () => at("export-dialog").close());
  }

  /** What is exported, and how many outlines aren't because they are hidden. @returns {{items: Item[], hidden: number}} */
  what() {
    const { history, frame } = this.desk.state;
    const outlined = onFrame(history.present, frame).filter((item) => maskOf(item)?.counts && item.verdict !== "rejected");
    const items = outlined.filter((item) => !isHidden(item));
    return { items, hidden: outlined.length - items.length };
  }

  open() {
    this.desk.flush();
    const { items, hidden } = this.what();
    const { source, frame, history } = this.desk.state;
    if (!source || (!items.length && !hidden)) return this.desk.notices.say("There is no outline to export yet.");
    if (!items.length) return this.desk.notices.say("Each outline of this frame is hidden: show what is to be exported.");
    const doc = history.present;
    this.told = { source, frame, present: doc };
    const where = source.frames > 1 ? ` of frame ${frame + 1}` : "";
    const left = hidden ? ` Left out: ${hidden} hidden ${hidden === 1 ? "outline" : "outlines"}.` : "";
    at("export-told").textContent = `${items.map((item) => item.name).join(", ")}${where}.${left}`;
    const calipers = doc.calipers.filter((one) => one.frame === frame).length;
    at("export-calipers").textContent = `${calipers === 1 ? "The free caliper is" : "Free calipers are"} in the session JSON alone: no other file has a place for a length without an object.`;
    at("export-calipers").hidden = !calipers;
    at("formats").replaceChildren(...FORMATS.map((one) => this.row(one)));
    at("export-dialog").showModal();
  }

  /** @param {typeof FORMATS[number]} one */
  row({ format, name, told, ending, dicom }) {
    const why = this.refusal(dicom ?? false);
    const id = `why-${format}`;
    const button = make("button", { type: "button", "data-format": format, disabled: why !== null, "aria-describedby": id, onclick: () => this.run(format, ending), text: name });
    return make("li", {}, button, make("span", { id, text: why ?? told }));
  }

  /** Why a format can't be had now. @param {boolean} dicom whether it refers to a DICOM image */
  refusal(dicom) {
    const { source } = this.desk.state;
    if (dicom && !source?.dicom) return "needs a DICOM image; this one isn't";
    return null;
  }

  /** @param {Format} format @param {string} ending */
  async run(format, ending) {
    const { desk } = this;
    const { source, frame, history } = desk.state;
    at("export-dialog").close();
    if (!source) return;
    if (source !== this.told?.source || frame !== this.told.frame || history.present !== this.told.present) {
      desk.notices.fail(new ServiceError("What is shown has changed since. Look at it, then export it again."));
      return;
    }
    const stem = source.name.replace(/\.[^.]*$/, "") + (source.frames > 1 ? `_frame${frame + 1}` : "");
    const { items } = this.what();
    const calipers = format === "json" ? history.present.calipers.filter((one) => one.frame === frame) : [];
    try {
      const file = await this.file(format);
      desk.unsaved.note(items, calipers);
      save(file, `${stem}${ending}`);
      desk.notices.say(`Saved ${stem}${ending}.`);
    } catch (error) {
      desk.notices.fail(error);
    }
  }

  /** @param {Format} format @returns {Promise<Blob>} */
  async file(format) {
    const { desk } = this;
    if (format === "json") return new Blob([JSON.stringify(this.session(), null, 2)], { type: "application/json" });
    const { items } = this.what();
    const image = NEED_IMAGE.has(format) ? desk.frames?.fields(desk.state.frame) : {};
    const answer = await desk.outlines.known(items, () => {
      const objects = items.map((item) => ({ name: item.name, mask: maskOf(item), prediction: answerTo(item.prompt)?.prediction, index: 0, verdict: item.verdict, ...item.moved }));
      return desk.service.ask({ path: EXPORT, fields: { ...image, format, objects: JSON.stringify({ objects }) } });
    });
    return answer.blob();
  }

  /** Everything that was asked, answered and changed on the frame that is shown. */
  session() {
    const { desk } = this;
    const { state, doc } = desk;
    const facts = state.facts[state.frame];
    const regions = facts?.regions ?? [];
    const objects = this.what().items.map((item) => {
      const answer = answerTo(item.prompt);
      const { id, name, prompt, verdict, moved } = item;
      const mask = maskOf(item);
      return { id, name, prompt, verdict, moved, corrected: item.edit !== null, mask, measurements: measuredOf(item, regions), prediction: answer?.prediction ?? null, model: answer?.model ?? null, answer: answer?.found ?? null };
    });
    const calipers = doc.calipers.filter((one) => one.frame === state.frame);
    return { models: desk.models(), serving: state.card?.model ?? null, image: facts ?? null, objects, calipers };
  }
}
