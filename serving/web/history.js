// States one after the other, with a way back and forth. Leaves out: what a state is.

const KEPT = 200;

/** @template T @typedef {Readonly<{past: readonly T[], present: T, future: readonly T[]}>} History */

/** @template T @param {T} present @returns {History<T>} */
export function start(present) {
  return { past: [], present, future: [] };
}

/** A step that can be undone; what was undone before it is forgotten. @template T @param {History<T>} history @param {T} present @returns {History<T>} */
export function push(history, present) {
  if (present === history.present) return history;
  return { past: [...history.past, history.present].slice(-KEPT), present, future: [] };
}

/** A change that is no step of its own: which object is chosen, say. @template T @param {History<T>} history @param {T} present @returns {History<T>} */
export function amend(history, present) {
  return { ...history, present };
}

/** A change of every state, past and to come: what isn't undone, as a verdict. @template T @param {History<T>} history @param {(state: T) => T} change @returns {History<T>} */
export function everywhere({ past, present, future }, change) {
  return { past: past.map(change), present: change(present), future: future.map(change) };
}

/** @template T @param {History<T>} history @returns {History<T>} */
export function undo(history) {
  if (!history.past.length) return history;
  const present = history.past[history.past.length - 1];
  return { past: history.past.slice(0, -1), present, future: [history.present, ...history.future] };
}

/** @template T @param {History<T>} history @returns {History<T>} */
export function redo(history) {
  if (!history.future.length) return history;
  return { past: [...history.past, history.present], present: history.future[0], future: history.future.slice(1) };
}

/** Take the last step back as if it had never been: nothing to redo. @template T @param {History<T>} history @returns {History<T>} */
export function retract(history) {
  return { ...undo(history), future: history.future };
}
