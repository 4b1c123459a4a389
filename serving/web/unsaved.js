// What would be lost if the page went now: objects that weren't exported since their last change, and free calipers.
// Rejected objects aren't missed. Leaves out: asking the user (dialogs.js, main.js).

/** @typedef {import("./state.js").Doc} Doc */
/** @typedef {import("./state.js").Item} Item */
/** @typedef {import("./state.js").Caliper} Caliper */

export class Unsaved {
  constructor() {
    /** The objects as they were exported last, by their prompts: undo finds them again. @type {WeakMap<object, Item>} */
    this.exported = new WeakMap();
    /** @type {WeakSet<Caliper>} */
    this.kept = new WeakSet();
  }

  /** These are in a file now. @param {readonly Item[]} items @param {readonly Caliper[]} calipers */
  note(items, calipers) {
    for (const item of items) this.exported.set(item.prompt, item);
    for (const caliper of calipers) this.kept.add(caliper);
  }

  /** @param {Doc} doc @returns {{items: Item[], calipers: Caliper[]}} */
  of({ items, calipers }) {
    return { items: items.filter((item) => item.verdict !== "rejected" && !this.has(item)), calipers: calipers.filter((one) => !this.kept.has(one)) };
  }

  /** Whether the file that an object is in shows it as it is. @param {Item} item */
  has({ prompt, edit, name, moved }) {
    const before = this.exported.get(prompt);
    return before !== undefined && before.edit === edit && before.name === name && before.moved === moved;
  }
}
