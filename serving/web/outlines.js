// Outlines that are still to come: for each object whose prompt has no answer yet, one question is on its way, and a newer
// prompt cancels it. Without an answer the object goes back to what it was. Leaves out: how to ask (service.js).
import { amend, retract } from "./history.js";
import { aborted, ServiceError } from "./service.js";
import { answerTo, isSettled, keepAnswer } from "./shapes.js";
import { changeItem, itemOf, removeItem } from "./state.js";

/** @typedef {import("./state.js").Doc} Doc */
/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./shapes.js").Answer} Answer */

export class Outlines {
  /** @param {import("./desk.js").Desk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {Map<number, {prompt: import("./state.js").Prompt, controller: AbortController}>} */
    this.flying = new Map();
    /** When the pointer was let go that asked: a place on performance.now()'s clock, 0 for none. */
    this.released_ms = 0;
  }

  /** Ask for each outline that isn't there yet, and forget questions that nobody waits for any more. */
  settle() {
    const { present } = this.desk.state.history;
    for (const [id, { prompt, controller }] of this.flying) {
      if (itemOf(present, id)?.prompt === prompt) continue;
      this.flying.delete(id);
      controller.abort();
    }
    for (const item of present.items) if (!isSettled(item) && !this.flying.has(item.id)) this.fetch(item);
    this.desk.set({ asking: [...this.flying.keys()] });
  }

  /** @param {Item} item */
  async fetch(item) {
    const { desk } = this;
    const mine = { prompt: item.prompt, controller: new AbortController() };
    this.flying.set(item.id, mine);
    const started_ms = this.released_ms || performance.now();
    this.released_ms = 0;
    try {
      const answer = await this.ask(item, mine.controller.signal);
      keepAnswer(item.prompt, answer);
      if (this.flying.get(item.id) !== mine) return;
      this.flying.delete(item.id);
      desk.notices.calm();
      const warned = answer.found.abstain ? " Don't rely on this outline: see the warning." : "";
      const where = item.frame === desk.state.frame ? "" : ` on frame ${item.frame + 1}`;
      desk.notices.say(`${item.name}${where} outlined in ${Math.round(performance.now() - started_ms)} ms.${warned}`);
      desk.set({ asking: [...this.flying.keys()] });
      measured(started_ms);
    } catch (error) {
      if (this.flying.get(item.id) !== mine || aborted(error)) return;
      this.giveUp(item.id);
      desk.notices.fail(error);
    }
  }

  /** @param {Item} item @param {AbortSignal} signal @returns {Promise<Answer>} */
  async ask(item, signal) {
    const { desk } = this;
    const { box, points, mask } = item.prompt;
    const prompts = JSON.stringify({ objects: [{ ...(box && { box }), points, ...(mask && { mask }) }] });
    for (let again = false; ; again = true) {
      const { id, model } = await desk.learn(item.frame);
      signal.throwIfAborted();
      try {
        const answer = await desk.service.json({ path: "/v1/segment", fields: { image_id: id, prompts }, signal });
        if (answer.model.digest !== model.digest) desk.meet(answer.model);
        return { found: answer.objects[0], prediction: answer.prediction ?? null, model: answer.model };
      } catch (error) {
        // The service let this image go: it is sent again, once.
        if (again || !(error instanceof ServiceError) || error.code !== "image_gone") throw error;
        desk.frames?.forget(item.frame);
      }
    }
  }

  /** Ask the same again, for an answer that the service still knows. An outline that comes out otherwise, as another model's may, is shown and not taken as judged. @param {readonly Item[]} items @returns {Promise<boolean>} whether each outline is as it was */
  async again(items) {
    let same = true;
    for (const item of items) {
      const before = answerTo(item.prompt);
      const answer = await this.ask(item, new AbortController().signal);
      keepAnswer(item.prompt, answer);
      if (item.edit || before?.found.mask.counts === answer.found.mask.counts) continue;
      same = false;
      this.desk.amend(changeItem(this.desk.state.history.present, item.id, { verdict: null }));
      this.desk.notices.say(`${item.name} was outlined anew by ${answer.model.name} version ${answer.model.version}, and differs: look at it again.`);
    }
    this.desk.set({});
    return same;
  }

  /** Send something about answers; where the service no longer knows them, they are asked for again, once. @param {readonly Item[]} items @param {() => Promise<Response>} send @returns {Promise<Response>} */
  async known(items, send) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== "prediction_gone") throw error;
      if (await this.again(items)) return send();
      throw new ServiceError("An outline that was asked for again differs from the one before. Look at it, then try again.");
    }
  }

  /** Forget every question, with the steps that asked. @returns {boolean} whether there was one */
  stop() {
    const waiting = [...this.flying.keys()];
    for (const id of waiting) this.giveUp(id);
    return waiting.length > 0;
  }

  /** An object whose outline doesn't come goes back to what it was when it last had one, or away. @param {number} id */
  giveUp(id) {
    this.flying.get(id)?.controller.abort();
    this.flying.delete(id);
    const { history } = this.desk.state;
    const item = itemOf(history.present, id);
    if (item && !isSettled(item)) {
      const before = lastSettled(history.past, id);
      const back = before ? { ...before, name: item.name, hidden: item.hidden } : null;
      const next = back ? changeItem(history.present, id, back) : removeItem(history.present, id);
      const last = history.past[history.past.length - 1];
      this.desk.set({ history: last && isSame(last, next) ? retract(history) : amend(history, next) });
    }
    this.settle();
  }
}

/** @param {readonly Doc[]} past @param {number} id @returns {Item | null} */
function lastSettled(past, id) {
  for (let n = past.length - 1; n >= 0; n--) {
    const item = itemOf(past[n], id);
    if (!item) return null;
    if (isSettled(item)) return item;
  }
  return null;
}

/** @param {Doc} one @param {Doc} other */
function isSame(one, other) {
  return (
    one.calipers === other.calipers &&
    one.items.length === other.items.length &&
    one.items.every(({ id, prompt, edit, name, hidden }, n) => {
      const its = other.items[n];
      return id === its.id && prompt === its.prompt && edit === its.edit && name === its.name && hidden === its.hidden;
    })
  );
}

/** From the pointer's release to the frame after the one that was painted with the outline: what benchmarks/page.py reads. @param {number} started_ms */
function measured(started_ms) {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      performance.clearMeasures("outline");
      performance.measure("outline", { start: started_ms, end: performance.now() });
    }),
  );
}
