// The page: an image, boxes and clicks, and the outlines that the service answers with.
// Coordinates are the image's own pixels: origin at the top left corner of the top left pixel, x right, y down.
"use strict";

const COLOURS = ["86,180,233", "230,159,0", "0,158,115", "240,228,66", "204,121,167", "213,94,0"];
const CLICK_PX = 4; // a drag shorter than this on the screen is a click
const at = (id) => document.getElementById(id);
const canvas = at("canvas");
const pen = canvas.getContext("2d");

// One state is immutable: {objects: [{box, points, found}], chosen}; undo goes back to an earlier one.
const EMPTY = { objects: [], chosen: -1 };
let state = EMPTY;
let history = [];
let image = null; // {bitmap, file, id, name, guard}
let model = null;
let drag = null;
let asking = null; // {before, controller} of the question that is on its way
let queue = Promise.resolve();
let round = 0;
let scale = 1;

// ---- the service

/** Ask the service; an error answer becomes an Error with the service's words. */
async function ask(path, fields, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service can't be reached. Check that it runs, then try again.");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  const detail = told && told.error;
  const text = detail && detail.message ? `${detail.message}. What to do: ${detail.hint}.` : `The service answered ${answer.status}.`;
  throw Object.assign(new Error(text), { code: detail && detail.code });
}

async function showModel() {
  try {
    const card = await (await fetch("/v1/model")).json();
    if (card.error) throw new Error(`${card.error.message}. What to do: ${card.error.hint}.`);
    model = card.model;
    const digest = document.createElement("code");
    digest.textContent = model.digest.slice(0, 12);
    digest.title = `sha256 of the weights: ${model.digest}`;
    at("model").replaceChildren(`Model ${model.name}`, model.version === model.digest.slice(0, 12) ? " " : ` version ${model.version} `, digest);
    at("phantom").hidden = !card.phantom;
    at("uncalibrated").hidden = card.calibration.calibrated;
    at("model").title = card.calibration.told;
  } catch (error) {
    at("model").textContent = "no model";
    fail(error);
  }
}

async function embed() {
  const sent = image; // another one may be opened while this one is on its way
  const answer = await (await ask("/v1/images", { image: sent.file })).json();
  sent.id = answer.image.id;
  sent.guard = answer.image.guard;
  if (sent === image) show();
  return answer;
}

/** Ask for one object's mask; an image that the service let go is sent again, once. */
async function segment(object, signal) {
  const prompt = { points: object.points };
  if (object.box) prompt.box = object.box;
  const prompts = JSON.stringify({ objects: [prompt] });
  try {
    return await (await ask("/v1/segment", { image_id: image.id, prompts }, signal)).json();
  } catch (error) {
    if (error.code !== "image_gone") throw error;
    await embed();
    return (await ask("/v1/segment", { image_id: image.id, prompts }, signal)).json();
  }
}

// ---- what the user does

async function open(file) {
  if (!file) return;
  cancel();
  calm();
  say(`Opening ${file.name} …`);
  try {
    // The page shows the pixels that the service decoded: DICOM too, and no browser's idea of orientation.
    const mine = round;
    const bitmap = await createImageBitmap(await (await ask("/v1/preview", { image: file })).blob());
    if (mine !== round) return;
    image = { bitmap, file, id: null, guard: null, name: file.name.replace(/\.[^.]*$/, "") };
    state = EMPTY;
    history = [];
    canvas.hidden = false;
    at("empty").hidden = true;
    show();
    say("Preparing the image …");
    const answer = await embed();
    say(`${bitmap.width} × ${bitmap.height} pixels, ready (${Math.round(answer.timing_ms.total)} ms). Drag a box or click.`);
  } catch (error) {
    say("");
    fail(error);
  }
}

/** Queue a step: `make` gives the place and the changed object when its turn comes. Steps go one after the other. */
function change(make) {
  const mine = round;
  queue = queue.then(() => (mine === round && image && image.id ? step(...make()) : undefined));
}

/** Put an object in its place and ask for its mask; without an answer everything stays as it was. */
async function step(index, object) {
  const before = state;
  const objects = state.objects.slice();
  objects[index] = object;
  state = { objects, chosen: index };
  const mine = (asking = { before, controller: new AbortController() });
  show();
  try {
    const started = performance.now();
    const answer = await segment(object, mine.controller.signal);
    if (mine !== asking) return;
    objects[index] = { ...object, found: answer.objects[0] };
    state = { objects, chosen: index };
    history.push(before);
    calm();
    say(`Outlined in ${Math.round(performance.now() - started)} ms.${answer.objects[0].abstain ? " Don't rely on this outline: see the warning." : ""}`);
  } catch (error) {
    if (mine !== asking) return;
    state = before;
    fail(error);
  }
  asking = null;
  show();
}

function addBox(box) {
  change(() => [state.objects.length, { box, points: [], found: null }]);
}

function addPoint(x, y, positive) {
  change(() => {
    const index = state.chosen < 0 ? state.objects.length : state.chosen;
    const object = state.objects[index] || { box: null, points: [] };
    return [index, { box: object.box, points: [...object.points, { x, y, positive }], found: null }];
  });
}

function undo() {
  if (asking) return cancel();
  if (history.length) state = history.pop();
  show();
}

/** Esc: forget the drag, the question that is on its way and those that wait. */
function cancel() {
  drag = null;
  round++;
  if (asking) {
    asking.controller.abort();
    state = asking.before;
    asking = null;
    say("Cancelled.");
  }
  show();
}

function choose(index) {
  state = { ...state, chosen: index };
  show();
}

function clear() {
  cancel();
  if (state.objects.length) history.push(state);
  state = EMPTY;
  say("Cleared. Undo brings it back.");
  show();
}

// ---- what is drawn

function show() {
  at("undo").disabled = !history.length && !asking;
  at("clear").disabled = !state.objects.length;
  at("another").disabled = state.chosen < 0;
  at("png").disabled = at("json").disabled = !state.objects.some((object) => object.found);
  at("objects").replaceChildren(...state.objects.map(row));
  warn();
  draw();
}

/** Say in words what the service warns of: an image unlike ultrasound, outlines not to be relied on. They stay drawn. */
function warn() {
  const told = [];
  if (image && image.guard && image.guard.flagged) told.push(["This may not be an ultrasound image.", image.guard.told]);
  state.objects.forEach((object, index) => {
    if (object.found && object.found.abstain) {
      told.push([`Object ${index + 1}: don't rely on this outline.`, `${sentence(object.found.reasons.join("; "))} Check it against the image, or correct it with clicks.`]);
    }
  });
  const lines = told.map(([head, text]) => {
    const line = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = `⚠ ${head} `;
    line.append(strong, text);
    return line;
  });
  at("warnings").replaceChildren(...lines);
  at("warnings").hidden = !lines.length;
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function row(object, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(index === state.chosen));
  const swatch = document.createElement("span");
  swatch.className = `swatch c${index % COLOURS.length}`;
  const small = document.createElement("small");
  const found = object.found;
  const sure = found && found.confidence !== null ? `confidence ${found.confidence.toFixed(2)}` : found && `quality ${found.quality.toFixed(2)}, not calibrated`;
  small.textContent = found ? `${found.area_px} px, ${sure}` : "asking …";
  button.append(swatch, `Object ${index + 1}`, small);
  if (found && found.abstain) {
    const abstain = document.createElement("span");
    abstain.className = "abstain";
    abstain.textContent = "⚠ don't rely on this outline";
    button.append(abstain);
  }
  button.addEventListener("click", () => choose(index));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function fit() {
  const style = getComputedStyle(at("drop"));
  const room = at("drop");
  const width = room.clientWidth - parseFloat(style.paddingLeft) * 2;
  const height = room.clientHeight - parseFloat(style.paddingTop) * 2;
  scale = Math.max(Math.min(width / image.bitmap.width, height / image.bitmap.height), 0.01);
  const dense = window.devicePixelRatio || 1;
  canvas.style.width = `${image.bitmap.width * scale}px`;
  canvas.style.height = `${image.bitmap.height * scale}px`;
  canvas.width = Math.round(image.bitmap.width * scale * dense);
  canvas.height = Math.round(image.bitmap.height * scale * dense);
  pen.setTransform(canvas.width / image.bitmap.width, 0, 0, canvas.height / image.bitmap.height, 0, 0);
}

function draw() {
  if (!image) return;
  fit();
  const line = 1 / scale;
  pen.imageSmoothingEnabled = scale < 2;
  pen.drawImage(image.bitmap, 0, 0);
  state.objects.forEach((object, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const chosen = index === state.chosen;
    if (object.found) drawOutline(object.found.polygons, colour, chosen ? 2.5 * line : 1.5 * line);
  });
  state.objects.forEach((object, index) => {
    const colour = COLOURS[index % COLOURS.length];
    if (object.box) drawBox(object.box, colour, line);
    object.points.forEach((point) => drawPoint(point, colour, line));
  });
  if (drag && drag.box) drawBox(drag.box, "255,255,255", line);
}

function drawOutline(polygons, colour, width) {
  const path = new Path2D();
  for (const ring of polygons) {
    for (let n = 0; n < ring.length; n += 2) n ? path.lineTo(ring[n], ring[n + 1]) : path.moveTo(ring[n], ring[n + 1]);
    path.closePath();
  }
  pen.fillStyle = `rgba(${colour},${at("opacity").value / 100})`;
  pen.fill(path, "evenodd");
  pen.lineWidth = width;
  pen.strokeStyle = `rgb(${colour})`;
  pen.stroke(path);
}

function drawBox([x0, y0, x1, y1], colour, line) {
  pen.lineWidth = 3 * line;
  pen.strokeStyle = "rgba(0,0,0,0.55)";
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  pen.lineWidth = 1.25 * line;
  pen.setLineDash([6 * line, 4 * line]);
  pen.strokeStyle = `rgb(${colour})`;
  pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  pen.setLineDash([]);
}

function drawPoint({ x, y, positive }, colour, line) {
  const arm = 4 * line;
  pen.beginPath();
  pen.arc(x, y, 8 * line, 0, 2 * Math.PI);
  pen.fillStyle = "rgb(12,16,20)";
  pen.fill();
  pen.lineWidth = 2 * line;
  pen.strokeStyle = `rgb(${colour})`;
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x - arm, y);
  pen.lineTo(x + arm, y);
  if (positive) {
    pen.moveTo(x, y - arm);
    pen.lineTo(x, y + arm);
  }
  pen.strokeStyle = "rgb(255,255,255)";
  pen.stroke();
}

function say(text) {
  at("status").textContent = text;
}

function fail(error) {
  at("error-text").textContent = error.message;
  at("error").hidden = false;
}

function calm() {
  at("error").hidden = true;
}

// ---- downloads

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The masks in the image's own pixels: 255 for a single object, else each object's number (later ones on top). */
function maskCanvas() {
  const found = state.objects.map((object) => object.found).filter(Boolean);
  const { width, height } = image.bitmap;
  const grey = new Uint8ClampedArray(width * height);
  found.forEach((object, index) => paintMask(grey, object.mask, found.length === 1 ? 255 : index + 1));
  const pixels = new ImageData(width, height);
  grey.forEach((value, n) => pixels.data.set([value, value, value, 255], 4 * n));
  const sheet = document.createElement("canvas");
  sheet.width = width;
  sheet.height = height;
  sheet.getContext("2d").putImageData(pixels, 0, 0);
  return sheet;
}

function saveJson() {
  const objects = state.objects.filter((object) => object.found).map((object) => ({
    prompt: { box: object.box, points: object.points }, ...object.found,
  }));
  const { width, height } = image.bitmap;
  const told = { model, image: { width, height, id: image.id, guard: image.guard }, objects };
  save(new Blob([JSON.stringify(told, null, 2)], { type: "application/json" }), `${image.name}_masks.json`);
}

// ---- events

function place(event) {
  const box = canvas.getBoundingClientRect();
  const clamp = (value, top) => Math.min(Math.max(value, 0), top);
  return [
    clamp(((event.clientX - box.left) / box.width) * image.bitmap.width, image.bitmap.width),
    clamp(((event.clientY - box.top) / box.height) * image.bitmap.height, image.bitmap.height),
  ];
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !image.id) return;
  canvas.setPointerCapture(event.pointerId);
  drag = { start: place(event), screen: [event.clientX, event.clientY], box: null };
});
canvas.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const far = Math.hypot(event.clientX - drag.screen[0], event.clientY - drag.screen[1]) >= CLICK_PX;
  const [x, y] = place(event);
  const [x0, y0] = drag.start;
  drag.box = far || drag.box ? [Math.min(x0, x), Math.min(y0, y), Math.max(x0, x), Math.max(y0, y)] : null;
  draw();
});
canvas.addEventListener("pointerup", (event) => {
  if (!drag) return;
  const { start, box } = drag;
  drag = null;
  if (box && box[2] > box[0] && box[3] > box[1]) return addBox(box);
  const negative = event.shiftKey !== (document.querySelector("[name=sign]:checked").value === "negative");
  addPoint(start[0], start[1], !negative);
});
canvas.addEventListener("pointercancel", cancel);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") cancel();
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    undo();
  }
});
at("numbers").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  addBox(["x0", "y0", "x1", "y1"].map((name) => Number(given.get(name))));
});
for (const id of ["open", "choose"]) at(id).addEventListener("click", () => at("file").click());
at("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  at("drop").classList.add("over");
});
document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  open(event.dataTransfer.files[0]);
});
at("undo").addEventListener("click", undo);
at("clear").addEventListener("click", clear);
at("another").addEventListener("click", () => choose(-1));
at("opacity").addEventListener("input", draw);
at("png").addEventListener("click", () => maskCanvas().toBlob((blob) => save(blob, `${image.name}_mask.png`)));
at("json").addEventListener("click", saveJson);
at("error-close").addEventListener("click", calm);
window.addEventListener("resize", draw);
showModel();
