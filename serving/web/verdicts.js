// What became of an outline: accepted, accepted as corrected by hand, or rejected. The service's log is told. A verdict is no step that undo takes back; whoever changes the outline takes it off again.
import { answerTo, maskOf } from "./shapes.js";
import { changeItem, chosenOf, itemOf } from "./state.js";

/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Verdict} Verdict */

const FEEDBACK = "/v1/feedback";

export class Verdicts {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
  }

  /** @param {readonly number[]} ids */
  async accept(ids) {
    const open = ids.map((id) => itemOf(this.desk.doc, id)).filter((item) => item && maskOf(item) && !item.verdict);
    for (const item of /** @type {Item[]} */ (open)) if (!(await this.tell(item, item.edit ? "edited" : "accepted"))) return;
    const what = open.length === 1 ? `${open[0]?.name} accepted` : `${open.length} outlines accepted`;
    if (open.length) this.desk.notices.say(`${what}, and written to the service's log.`);
  }

  acceptChosen() {
    const item = chosenOf(this.desk.doc);
    if (item) this.accept([item.id]);
  }

  acceptAll() {
    this.accept(this.desk.doc.items.map((item) => item.id));
  }

  /** @param {number} id */
  async reject(id) {
    const item = itemOf(this.desk.doc, id);
    if (!item) return;
    if (await this.tell(item, "rejected")) this.desk.notices.say(`${item.name} rejected: it is no longer drawn or exported. Written to the service's log.`);
  }

  /** @param {Item} item @param {Verdict} verdict @returns {Promise<boolean>} whether it was logged; if not, that is told */
  async tell(item, verdict) {
    const { desk } = this;
    const objects = [{ index: 0, verdict, mask: verdict === "edited" ? item.edit : null }];
    try {
      await desk.outlines.known([item], () => {
        const prediction = answerTo(item.prompt)?.prediction;
        return desk.service.ask({ path: FEEDBACK, json: { prediction, objects } });
      });
    } catch (error) {
      desk.notices.fail(error);
      return false;
    }
    const now = itemOf(desk.doc, item.id);
    if (now && now.prompt === item.prompt && now.edit === item.edit) desk.amend(changeItem(desk.doc, item.id, { verdict }));
    return true;
  }
}
