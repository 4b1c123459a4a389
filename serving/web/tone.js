// Window and level on the 8-bit pixels that are shown; what the model sees doesn't change.

/** @typedef {Readonly<{level: number, width: number, invert: boolean}>} Tone */

/** The pixels as they are. @type {Tone} */
export const PLAIN = Object.freeze({ level: 128, width: 256, invert: false });

/** @param {Tone} tone */
export function isPlain(tone) {
  return tone.level === PLAIN.level && tone.width === PLAIN.width && !tone.invert;
}

/** Whole numbers that make sense: level 0 to 255, width 2 to 512. @param {Tone} tone @returns {Tone} */
export function sensible(tone) {
  const whole = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
    Math.round(Math.min(Math.max(Number.isFinite(value) ? value : low, low), high));
  return { level: whole(tone.level, 0, 255), width: whole(tone.width, 2, 512), invert: tone.invert };
}

/** What each of the 256 values becomes: the linear window of DICOM PS3.3 C.11.2.1.2. @param {Tone} tone @returns {Uint8ClampedArray} */
export function table({ level, width, invert }) {
  const out = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) {
    const shown = ((value - (level - 0.5)) / (width - 1) + 0.5) * 255;
    out[value] = invert ? 255 - Math.min(Math.max(shown, 0), 255) : shown;
  }
  return out;
}

/** @param {Uint8ClampedArray} rgba @param {Tone} tone */
function apply(rgba, tone) {
  const to = table(tone);
  for (let n = 0; n < rgba.length; n += 4) {
    rgba[n] = to[rgba[n]];
    rgba[n + 1] = to[rgba[n + 1]];
    rgba[n + 2] = to[rgba[n + 2]];
  }
}

/** The picture as it is to be shown, kept until another one or another tone is asked for. */
export class Toned {
  constructor() {
    this.sheet = document.createElement("canvas");
    /** @type {ImageBitmap | null} */
    this.of = null;
    this.tone = PLAIN;
  }

  /** @param {ImageBitmap} bitmap @param {Tone} tone @returns {CanvasImageSource} */
  show(bitmap, tone) {
    if (isPlain(tone)) return bitmap;
    if (this.of !== bitmap || this.tone !== tone) {
      this.of = bitmap;
      this.tone = tone;
      this.sheet.width = bitmap.width;
      this.sheet.height = bitmap.height;
      const pen = /** @type {CanvasRenderingContext2D} */ (this.sheet.getContext("2d", { willReadFrequently: true }));
      pen.drawImage(bitmap, 0, 0);
      const pixels = pen.getImageData(0, 0, bitmap.width, bitmap.height);
      apply(pixels.data, tone);
      pen.putImageData(pixels, 0, 0);
    }
    return this.sheet;
  }
}
