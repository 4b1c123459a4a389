// COCO compressed run lengths to pixels, so that a downloaded mask is the service's to the bit.
"use strict";

/** Column-major run lengths, alternating background and object, from COCO's 6-bit characters. */
function runLengths(counts) {
  const runs = [];
  for (let place = 0; place < counts.length;) {
    let value = 0, shift = 0, more = true;
    while (more) {
      const bits = counts.charCodeAt(place++) - 48;
      value |= (bits & 31) << shift;
      shift += 5;
      more = (bits & 32) !== 0;
      if (!more && (bits & 16)) value |= -1 << shift;
    }
    // From the fourth on, a run is stored as its difference to the one before the last.
    if (runs.length > 2) value += runs[runs.length - 2];
    runs.push(value);
  }
  return runs;
}

/** Write `value` into `pixels` (row-major, one byte each) wherever the mask is set. */
function paintMask(pixels, mask, value) {
  const [height, width] = mask.size;
  let at = 0;
  runLengths(mask.counts).forEach((run, index) => {
    if (index % 2) {
      for (let n = at; n < at + run; n++) pixels[(n % height) * width + Math.floor(n / height)] = value;
    }
    at += run;
  });
}
