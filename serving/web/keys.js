// Which key does what: one table that the keyboard and the help read. Pure.

/** @typedef {{action: string, key: string, ctrl?: boolean, shift?: boolean, shown: string, told: string, group: string}} Shortcut */

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = [
  { action: "open", key: "o", shown: "O", told: "Open a file", group: "File" },
  { action: "export", key: "s", shown: "S", told: "Export …", group: "File" },
  { action: "help", key: "?", shown: "?", told: "This help", group: "File" },
  { action: "tool:outline", key: "p", shown: "P", told: "Outline: drag a box, click points", group: "Tools" },
  { action: "tool:brush", key: "b", shown: "B", told: "Brush: add to the mask", group: "Tools" },
  { action: "tool:erase", key: "e", shown: "E", told: "Eraser: take from the mask", group: "Tools" },
  { action: "tool:caliper", key: "m", shown: "M", told: "Caliper: measure a distance", group: "Tools" },
  { action: "tool:tone", key: "w", shown: "W", told: "Window and level", group: "Tools" },
  { action: "tool:pan", key: "h", shown: "H, Space", told: "Pan the image (hold Space)", group: "Tools" },
  { action: "sign", key: "x", shown: "X, Shift", told: "A click is on the object, or beside it (hold Shift)", group: "Tools" },
  { action: "smaller", key: "[", shown: "[", told: "Smaller brush", group: "Tools" },
  { action: "larger", key: "]", shown: "]", told: "Larger brush", group: "Tools" },
  { action: "undo", key: "z", ctrl: true, shown: "Ctrl Z", told: "Undo", group: "Objects" },
  { action: "redo", key: "z", ctrl: true, shift: true, shown: "Ctrl Shift Z", told: "Redo", group: "Objects" },
  { action: "redo", key: "y", ctrl: true, shown: "Ctrl Y", told: "Redo", group: "Objects" },
  { action: "cancel", key: "Escape", shown: "Esc", told: "Cancel what is under way", group: "Objects" },
  { action: "new", key: "n", shown: "N", told: "The next click begins a new object", group: "Objects" },
  { action: "next", key: "j", shown: "J", told: "Choose the next object", group: "Objects" },
  { action: "rename", key: "F2", shown: "F2", told: "Rename the chosen object", group: "Objects" },
  { action: "accept", key: "a", shown: "A", told: "Accept the chosen outline", group: "Objects" },
  { action: "delete", key: "Delete", shown: "Delete", told: "Delete the handle's click or caliper, else the object", group: "Objects" },
  { action: "delete", key: "Backspace", shown: "Backspace", told: "The same", group: "Objects" },
  { action: "bare", key: "d", shown: "D", told: "Show the image without drawings, and back", group: "Objects" },
  { action: "grip:next", key: ".", shown: ".", told: "Take the next handle, click or caliper end", group: "Handles" },
  { action: "grip:last", key: ",", shown: ",", told: "Take the one before", group: "Handles" },
  { action: "left", key: "ArrowLeft", shown: "←", told: "Move the handle; without one, the frame before", group: "Handles" },
  { action: "right", key: "ArrowRight", shown: "→", told: "Move the handle; without one, the next frame", group: "Handles" },
  { action: "up", key: "ArrowUp", shown: "↑", told: "Move the handle (Shift: 10 pixels)", group: "Handles" },
  { action: "down", key: "ArrowDown", shown: "↓", told: "Move the handle (Shift: 10 pixels)", group: "Handles" },
  { action: "in", key: "+", shown: "+", told: "Zoom in", group: "View" },
  { action: "in", key: "=", shown: "=", told: "The same", group: "View" },
  { action: "out", key: "-", shown: "−", told: "Zoom out", group: "View" },
  { action: "fit", key: "0", shown: "0", told: "Fit the image to the stage", group: "View" },
  { action: "one", key: "1", shown: "1", told: "One image pixel on one screen pixel", group: "View" },
  { action: "invert", key: "i", shown: "I", told: "Invert the grey values", group: "View" },
  { action: "night", key: "l", shown: "L", told: "Night: a darker page", group: "View" },
  { action: "play", key: "k", shown: "K", told: "Play or pause the frames", group: "View" },
  { action: "first", key: "Home", shown: "Home", told: "First frame", group: "View" },
  { action: "last", key: "End", shown: "End", told: "Last frame", group: "View" },
];

const TYPED = new Set(["text", "number", "password", "search", "email", "url"]);
const MOVES = new Set(["left", "right", "up", "down", "first", "last"]);

/** The action that a key stands for, null for none. `single` is whether keys without Ctrl count at all. @param {{key: string, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean, altKey: boolean}} event @param {{tag: string, type: string}} target what has the focus @param {boolean} [single] @returns {string | null} */
export function actionOf(event, target, single = true) {
  const typing = target.tag === "TEXTAREA" || target.tag === "SELECT" || (target.tag === "INPUT" && TYPED.has(target.type));
  if (event.altKey || (typing && event.key !== "Escape")) return null;
  const ctrl = event.ctrlKey || event.metaKey;
  const letter = event.key.length === 1;
  if (letter && !ctrl && !single) return null;
  const key = letter ? event.key.toLowerCase() : event.key;
  const found = SHORTCUTS.find(
    (one) => one.key === key && (one.ctrl ?? false) === ctrl && (!ctrl || (one.shift ?? false) === event.shiftKey),
  );
  if (!found) return null;
  // A slider or a radio group moves by arrows itself.
  if (MOVES.has(found.action) && target.tag === "INPUT") return null;
  return found.action;
}
