// What became of an outline: accepted, accepted as corrected by hand, or rejected. The service's log is told, of a
// changed mind too: it keeps both. A verdict is no step that undo takes back; whoever changes the outline takes it off again.
import { isReviewed, isSeen } from "./paint.js";
import { ServiceError } from "./service.js";
import { answerTo, maskOf } from "./shapes.js";
import { chosenOf, itemOf } from "./state.js";

/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Verdict} Verdict */

const FEEDBACK = "/v1/feedback";

export class Verdicts {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** Of which objects the service is being told now. @type {Set<number>} */
    this.telling = new Set();
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

  /** Whether an object's outline can be judged so: it is drawn, and isn't judged so already. @param {Item} item @param {"accepted" | "rejected"} as */
  canJudge(item, as) {
    const drawn = isSeen(this.desk, item) || isReviewed(this.desk, item);
    const already = as === "rejected" ? item.verdict === "rejected" : item.verdict === "accepted" || item.verdict === "edited";
    return drawn && maskOf(item) !== null && !already;
  }

  acceptChosen() {
    this.desk.flush();
    const item = chosenOf(this.desk.state.history.present);
    if (item && !this.desk.state.preview && this.canJudge(item, "accepted")) this.accept([item]);
  }

  acceptAll() {
    this.desk.flush();
    this.accept(this.open());
  }

  /** Whether an object still has the outline and the verdict that were seen. @param {Item} item */
  isStill(item) {
    const now = itemOf(this.desk.state.history.present, item.id);
    return now !== null && now.prompt === item.prompt && now.edit === item.edit && now.verdict === item.verdict;
  }

  /** @param {number} id */
  async reject(id) {
    this.desk.flush();
    const item = itemOf(this.desk.state.history.present, id);
    if (!item || !this.canJudge(item, "rejected")) return;
    if (await this.tell(item, "rejected")) this.desk.notices.say(`${item.name} rejected, and written to the service's log. Not exported.`);
  }

  /** @param {Item} item @param {Verdict} verdict @returns {Promise<boolean>} whether it was logged; where that failed, it is told */
  async tell(item, verdict) {
    const { desk } = this;
    if (this.telling.has(item.id)) return false; // or the log could get two verdicts in the wrong order
    this.telling.add(item.id);
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
    } finally {
      this.telling.delete(item.id);
    }
    desk.judge(item, verdict);
    return true;
  }
}

/** @param {Item} item */
function changed(item) {
  return new ServiceError(`${item.name} was changed meanwhile. Look at it, then judge it.`);
}
