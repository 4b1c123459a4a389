// Two documents to the words for the step between them: what undo and redo say they did. Pure.
import { itemOf } from "./state.js";

/** @typedef {import("./state.js").Doc} Doc */
/** @typedef {import("./state.js").Item} Item */

/** What a step did, in a few words; where it did several things, the first. @param {Doc} before @param {Doc} after @returns {string} */
export function stepBetween(before, after) {
  return ofItems(before, after) ?? ofCalipers(before, after) ?? "change";
}

/** @param {Doc} before @param {Doc} after @returns {string | null} */
function ofItems(before, after) {
  const added = after.items.find(({ id }) => !itemOf(before, id));
  if (added) return `outline of ${added.name}`;
  for (const was of before.items) {
    const is = itemOf(after, was.id);
    const told = is ? ofItem(was, is) : `deletion of ${was.name}`;
    if (told) return told;
  }
  return null;
}

/** @param {Item} was @param {Item} is @returns {string | null} */
function ofItem(was, is) {
  if (was.name !== is.name) return `name ${is.name}`;
  if (was.hidden !== is.hidden) return `${is.hidden ? "hiding" : "showing"} of ${is.name}`;
  if (was.prompt !== is.prompt) return ofPrompt(was, is);
  if (was.edit !== is.edit) return `correction of ${is.name} by hand`;
  if (was.moved !== is.moved) return `diameter of ${is.name}`;
  return null;
}

/** @param {Item} was @param {Item} is @returns {string} */
function ofPrompt({ prompt: was }, { prompt: is, name }) {
  const more = is.points.length - was.points.length;
  if (more) return more > 0 ? `click on ${name}` : `removal of a click on ${name}`;
  return String(is.box) !== String(was.box) ? `box of ${name}` : `moved click on ${name}`;
}

/** @param {Doc} before @param {Doc} after @returns {string | null} */
function ofCalipers(before, after) {
  if (before.calipers === after.calipers) return null;
  const more = after.calipers.length - before.calipers.length;
  if (more) return more > 0 ? "caliper" : "deletion of a caliper";
  return "moved caliper";
}
