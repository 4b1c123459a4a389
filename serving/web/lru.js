// What was used last, as much as fits. Leaves out: where the values come from.

/** @template K, V */
export class Lru {
  /** @param {number} room how much may be kept, in the unit of `size` @param {(value: V) => number} size @param {(value: V) => void} [drop] called with each value that goes */
  constructor(room, size, drop = () => {}) {
    this.room = room;
    this.size = size;
    this.drop = drop;
    this.held = 0;
    /** @type {Map<K, V>} */
    this.entries = new Map();
  }

  /** @param {K} key @returns {V | undefined} */
  get(key) {
    const value = this.entries.get(key);
    if (value !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, value);
    }
    return value;
  }

  /** The newest always stays, however large it is. @param {K} key @param {V} value */
  put(key, value) {
    this.remove(key);
    this.entries.set(key, value);
    this.held += this.size(value);
    for (const old of this.entries.keys()) {
      if (this.held <= this.room || old === key) break;
      this.remove(old);
    }
  }

  /** @param {K} key */
  remove(key) {
    const value = this.entries.get(key);
    if (value === undefined) return;
    this.entries.delete(key);
    this.held -= this.size(value);
    this.drop(value);
  }

  clear() {
    for (const key of [...this.entries.keys()]) this.remove(key);
  }
}
