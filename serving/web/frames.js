// A file's frames: the pixels that the service decodes, kept as bitmaps, and what it answers of each one (id, guard, regions).
// Each frame is asked for once. Leaves out: which one is shown.
import { Lru } from "./lru.js";

/** @typedef {import("./service.js").Service} Service */
/** @typedef {{box: [number, number, number, number], x_mm: number | null, y_mm: number | null, source: string, why?: string | null}} Region a part of the frame; without a scale it says why */
/** @typedef {{flagged: boolean, score: number, threshold: number, told: string}} Guard */
/** @typedef {{id: string, width: number, height: number, frame: number, frames: number, guard: Guard | null, regions: Region[], model: import("./shapes.js").Model, total_ms: number}} Facts `model` made the frame ready, and answers for it */

const KEPT_BYTES = 256 * 2 ** 20;

export class Frames {
  /** @param {Service} service @param {File} file */
  constructor(service, file) {
    this.service = service;
    this.file = file;
    this.controller = new AbortController();
    /** @type {ImageBitmap | null} */
    this.shown = null;
    /** @type {Lru<number, ImageBitmap>} */
    this.bitmaps = new Lru(
      KEPT_BYTES,
      (bitmap) => 4 * bitmap.width * bitmap.height,
      (bitmap) => bitmap !== this.shown && bitmap.close(),
    );
    /** @type {Map<number, Promise<ImageBitmap>>} */
    this.coming = new Map();
    /** @type {Map<number, Promise<Facts>>} */
    this.known = new Map();
  }

  /** @param {number} frame @returns {Promise<ImageBitmap>} */
  async bitmap(frame) {
    const kept = this.bitmaps.get(frame);
    if (kept) return kept;
    let coming = this.coming.get(frame);
    if (!coming) {
      coming = this.fetch(frame).finally(() => this.coming.delete(frame));
      this.coming.set(frame, coming);
    }
    return coming;
  }

  /** @param {number} frame */
  async fetch(frame) {
    const answer = await this.service.ask({ path: "/v1/preview", fields: this.fields(frame), signal: this.controller.signal });
    const bitmap = await createImageBitmap(await answer.blob());
    this.bitmaps.put(frame, bitmap);
    return bitmap;
  }

  /** What the service knows of a frame; asking makes it ready for prompts. @param {number} frame @returns {Promise<Facts>} */
  facts(frame) {
    let known = this.known.get(frame);
    if (!known) {
      known = this.embed(frame);
      this.known.set(frame, known);
      known.catch(() => this.known.delete(frame));
    }
    return known;
  }

  /** The service let this frame go: it is sent again when it is asked about next. @param {number} frame */
  forget(frame) {
    this.known.delete(frame);
  }

  /** @param {number} frame @returns {Promise<Facts>} */
  async embed(frame) {
    const answer = await this.service.json({ path: "/v1/images", fields: this.fields(frame), signal: this.controller.signal });
    const { id, width, height, guard } = answer.image;
    const { frames = 1, regions = [] } = answer.image;
    return { id, width, height, frame, frames, guard, regions, model: answer.model, total_ms: answer.timing_ms.total };
  }

  /** @param {number} frame @returns {Record<string, string | Blob>} */
  fields(frame) {
    return frame ? { image: this.file, frame: String(frame) } : { image: this.file };
  }

  close() {
    this.controller.abort();
    this.shown = null;
    this.bitmaps.clear();
  }
}
