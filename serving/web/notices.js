// What the page tells its user: the model, what just happened, what went wrong, and what the service warns of.
import { onFrame } from "./state.js";
import { answerTo } from "./shapes.js";
import { at, make } from "./page.js";

/** @typedef {import("./desk.js").Desk} Desk */

export const notices = {
  /** @param {string} text */
  say(text) {
    at("status").textContent = text;
  },
  /** @param {unknown} error */
  fail(error) {
    at("error-text").textContent = error instanceof Error ? error.message : String(error);
    at("error").hidden = false;
  },
  calm() {
    at("error").hidden = true;
  },
  /** @param {import("./shapes.js").Model} model */
  changed(model) {
    at("changed").textContent = `Another model serves now: ${model.name} version ${model.version}. What is drawn stays as it is; frames that were ready may still be outlined by the model before. The top line says which model drew what is shown.`;
    at("changed").hidden = false;
  },
};

/** Which model drew what is shown, and how far it goes. Of a model whose card the page never saw, the serving one's warnings are shown. @param {Desk} desk */
export function showModel(desk) {
  const { card, cards } = desk.state;
  if (!card) return;
  const models = desk.models();
  const key = JSON.stringify([models, Object.keys(cards), card.model]);
  if (at("model").dataset.told === key) return; // it is read out each time it changes
  at("model").dataset.told = key;
  const parts = models.flatMap(({ name, version, digest }, n) => {
    const short = digest.slice(0, 12);
    return [`${n ? " and " : "Model "}${name}`, version === short ? " " : ` version ${version} `, make("code", { text: short, title: `sha256 of the weights: ${digest}` })];
  });
  const known = models.map(({ digest }) => cards[digest] ?? card);
  at("model").replaceChildren(...parts);
  at("model").title = known.map((one) => one.calibration.told).join("; ");
  at("phantom").hidden = !known.some((one) => one.phantom);
  at("uncalibrated").hidden = known.every((one) => one.calibration.calibrated);
}

/** @param {any} session */
export function showSession(session) {
  at("who").hidden = !session?.who;
  at("who").textContent = session?.who ?? "";
  at("who").title = session ? `role: ${session.role}` : "";
}

/** Say in words what the service warns of: an image unlike ultrasound, outlines not to be relied on. They stay drawn. @param {Desk} desk */
export function warn(desk) {
  const { state, doc } = desk;
  /** @type {[string, string][]} */
  const told = [];
  const guard = state.facts[state.frame]?.guard;
  if (guard?.flagged) told.push(["This may not be an ultrasound image.", guard.told]);
  for (const item of onFrame(doc, state.frame)) {
    const found = item.edit || item.verdict === "rejected" ? null : answerTo(item.prompt)?.found;
    if (!found?.abstain) continue;
    const text = `${sentence(found.reasons.join("; "))} Check it against the image, or correct it.`;
    told.push([`${item.name}: don't rely on this outline.`, text]);
  }
  const key = JSON.stringify(told);
  if (at("warnings").dataset.told === key) return; // an alert is read out each time it changes
  at("warnings").dataset.told = key;
  at("warnings").replaceChildren(...told.map(([head, text]) => make("p", {}, make("strong", { text: `⚠ ${head} ` }), text)));
  at("warnings").hidden = !told.length;
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
