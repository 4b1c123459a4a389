// What became of an outline: accepted, accepted as corrected by hand, or rejected. The service's log is told. A verdict is no step that undo takes back; whoever changes the outline takes it off again.
import { isSeen } from "./paint.js";
import { ServiceError } from "./service.js";
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

  /** The outlines that are drawn on the frame that is shown, and not judged yet: what "all" means. @returns {Item[]} */
  open() {
    const { desk } = this;
    return desk.state.history.present.items.filter((item) => isSeen(desk, item) && maskOf(item) && !item.verdict);
  }

  /** What isn't seen, or comes out otherwise before it is told, is left as it is. @param {readonly Item[]} items as they were seen */
  async accept(items) {
    let told = 0;
    for (const item of items) {
      if (!this.isStill(item)) this.desk.notices.fail(changed(item));
      else if (await this.tell(item, item.edit ? "edited" : "accepted")) told += 1;
      else return;
    }
    const what = items.length === 1 ? `${items[0].name} accepted` : `${told} outlines accepted`;
    if (told) this.desk.notices.say(`${what}, and written to the service's log.`);
  }

  acceptChosen() {
    this.desk.flush();
    const item = chosenOf(this.desk.state.history.present);
    if (item && !this.desk.state.preview) this.accept(this.open().filter(({ id }) => id === item.id));
  }

  acceptAll() {
    this.desk.flush();
    this.accept(this.open());
  }

  /** Whether an object still has the outline that was seen, and no verdict. @param {Item} item */
  isStill(item) {
    const now = itemOf(this.desk.state.history.present, item.id);
    return now !== null && now.prompt === item.prompt && now.edit === item.edit && !now.verdict;
  }

  /** @param {number} id */
  async reject(id) {
    this.desk.flush();
    const item = itemOf(this.desk.state.history.present, id);
    if (!item || item.verdict || !maskOf(item)) return;
    if (await this.tell(item, "rejected")) this.desk.notices.say(`${item.name} rejected: it is no longer drawn or exported. Written to the service's log.`);
  }

  /** @param {Item} item @param {Verdict} verdict @returns {Promise<boolean>} whether it was logged; if not, that is told */
  async tell(item, verdict) {
    const { desk } = this;
    const objects = [{ index: 0, verdict, mask: verdict === "edited" ? item.edit : null }];
    try {
      await desk.outlines.known([item], () => {
        if (!this.isStill(item)) throw changed(item);
        const prediction = answerTo(item.prompt)?.prediction;
        return desk.service.ask({ path: FEEDBACK, json: { prediction, objects } });
      });
    } catch (error) {
      desk.notices.fail(error);
      return false;
    }
    if (this.isStill(item)) desk.amend(changeItem(desk.state.history.present, item.id, { verdict }));
    return true;
  }
}

/** @param {Item} item */
function changed(item) {
  return new ServiceError(`${item.name} was changed meanwhile. Look at it, then judge it.`);
}
