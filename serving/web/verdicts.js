// What became of an outline: accepted, accepted as corrected by hand, or rejected. The service's log is told, where it
// keeps one. A verdict is no step that undo takes back; whoever changes the outline takes it off again.
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
    let logged = 0;
    for (const item of /** @type {Item[]} */ (open)) {
      const told = await this.tell(item, item.edit ? "edited" : "accepted");
      if (told === null) return;
      if (told) logged++;
    }
    if (open.length) this.desk.notices.say(`${open.length === 1 ? `${open[0]?.name} accepted` : `${open.length} outlines accepted`}${words(logged === open.length)}.`);
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
    const told = await this.tell(item, "rejected");
    if (told !== null) this.desk.notices.say(`${item.name} rejected: it is no longer drawn or exported${words(told)}.`);
  }

  /** @param {Item} item @param {Verdict} verdict @returns {Promise<boolean | null>} whether it was logged; null if it couldn't be, which is told */
  async tell(item, verdict) {
    const { desk } = this;
    const prediction = answerTo(item.prompt)?.prediction;
    const logs = Boolean(prediction) && desk.state.paths.has(FEEDBACK);
    if (logs) {
      const objects = [{ index: 0, verdict, mask: verdict === "edited" ? item.edit : null }];
      try {
        await desk.service.ask({ path: FEEDBACK, json: { prediction, objects } });
      } catch (error) {
        desk.notices.fail(error);
        return null;
      }
    }
    const now = itemOf(desk.doc, item.id);
    if (now && now.prompt === item.prompt && now.edit === item.edit) desk.amend(changeItem(desk.doc, item.id, { verdict }));
    return logs;
  }
}

/** @param {boolean} logged */
function words(logged) {
  return logged ? ", and written to the service's log" : " on this page; the service keeps no log of it";
}
