// The dialogs for help, for the token, and before work is left.
import { SHORTCUTS } from "./keys.js";
import { at, make } from "./page.js";

/** @typedef {{single: () => boolean, open: () => void}} Help */

/** Fill the help with the keys, and open it when asked to. @returns {Help} */
export function help() {
  const groups = [...new Set(SHORTCUTS.map((one) => one.group))];
  at("keys").replaceChildren(
    ...groups.map((group) =>
      make("section", {}, make("h3", { text: group }), make("dl", {}, ...SHORTCUTS.filter((one) => one.group === group && !one.told.startsWith("The same"))
        .map((one) => make("div", {}, make("dt", {}, make("kbd", { text: one.shown })), make("dd", { text: one.told }))))),
    ),
  );
  const open = () => at("help-dialog").showModal();
  at("help").addEventListener("click", open);
  at("help-close").addEventListener("click", () => at("help-dialog").close());
  return { open, single: () => at("single").checked };
}

/** Ask for a token. @param {boolean} refused whether the one that was used is unknown to the service @returns {Promise<string | null>} null if the user has none */
export function askToken(refused) {
  const dialog = at("token-dialog");
  at("token-told").textContent = `${refused ? "The service doesn't know that token. " : ""}Paste the token that its operator gave you. It is kept in this tab only, until you close it.`;
  at("token").value = "";
  return new Promise((done) => {
    const calls = new AbortController();
    const { signal } = calls;
    /** At once, as below. @param {string | null} given */
    const answer = (given) => {
      calls.abort();
      dialog.close();
      at("token").value = "";
      done(given);
    };
    at("token-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      answer(at("token").value.trim() || null);
    }, { signal });
    at("token-cancel").addEventListener("click", () => answer(null), { signal });
    dialog.addEventListener("close", () => dialog.open || answer(null), { signal });
    dialog.showModal();
  });
}

/** Ask before another file replaces work that is in no file yet. @param {string} name of the other file @param {{items: readonly {name: string}[], calipers: readonly unknown[]}} left @returns {Promise<"export" | "open" | null>} null if all stays as it is */
export function askLeave(name, { items, calipers }) {
  const dialog = at("leave-dialog");
  const counts = [[items.length, "object"], [calipers.length, "caliper"]].flatMap(([count, what]) => (count ? `${count} ${what}${count === 1 ? "" : "s"}` : []));
  at("leave-title").textContent = `Open ${name} and leave ${counts.join(" and ")}?`;
  const named = [...items.map((item) => item.name), ...(calipers.length ? [calipers.length === 1 ? "a free caliper" : "free calipers"] : [])];
  at("leave-told").textContent = `Not exported since the last change: ${named.join(", ")}. Another file takes their place.`;
  return new Promise((done) => {
    const calls = new AbortController();
    const { signal } = calls;
    /** At once, and not by the event `close`, which comes later: that of one question may find the next one open. @param {"export" | "open" | null} chosen */
    const answer = (chosen) => {
      calls.abort();
      dialog.close();
      done(chosen);
    };
    for (const way of /** @type {const} */ (["export", "open"])) at(`leave-${way}`).addEventListener("click", () => answer(way), { signal });
    at("leave-cancel").addEventListener("click", () => answer(null), { signal });
    dialog.addEventListener("close", () => dialog.open || answer(null), { signal });
    dialog.showModal();
    at("leave-export").focus();
  });
}
