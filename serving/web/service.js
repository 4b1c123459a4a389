// The service's answers, and its refusals in words. A busy service is asked again a few times, an unknown user for a token.
// Leaves out: what is asked, and what an answer means.

/** @typedef {{path: string, method?: string, fields?: Record<string, string | Blob>, json?: unknown, signal?: AbortSignal}} Question */

const TOKEN = "sonoforge.token";
const TRIES = 4;
const LONGEST_WAIT_S = 15;

export class ServiceError extends Error {
  /** @param {string} text @param {{status?: number, code?: string}} [facts] */
  constructor(text, { status = 0, code = "" } = {}) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** @param {unknown} error */
export function aborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

export class Service {
  /** @param {{token: (refused: boolean) => Promise<string | null>, tell: (text: string) => void}} people asks the user for a token; tells what is waited for */
  constructor({ token, tell }) {
    this.askToken = token;
    this.tell = tell;
    /** @type {Promise<string | null> | null} */
    this.asking = null;
  }

  /** @param {Question} question @returns {Promise<Response>} @throws {ServiceError} in the service's own words */
  async ask(question) {
    for (let again = 1; ; again++) {
      const used = stored();
      const answer = await this.send(question, used);
      if (answer.ok) return answer;
      if (answer.status === 401 && (await this.login(used, question.signal))) continue;
      const wait_s = answer.status === 429 || answer.status === 503 ? patience(answer) : null;
      if (wait_s === null || again >= TRIES) throw await refusal(answer);
      this.tell(`The service is busy. Trying again in ${wait_s} s (${again} of ${TRIES - 1}) …`);
      await pause(wait_s, question.signal);
    }
  }

  /** @param {Question} question @returns {Promise<any>} */
  async json(question) {
    return (await this.ask(question)).json();
  }

  /** @param {Question} question @param {string | null} token */
  async send({ path, method = "POST", fields, json, signal }, token) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (json !== undefined) headers["Content-Type"] = "application/json";
    try {
      return await fetch(path, { method, headers, body: json !== undefined ? JSON.stringify(json) : form(fields), signal });
    } catch (error) {
      if (aborted(error)) throw error;
      if (!navigator.onLine) throw new ServiceError("This device is offline. Connect it to the network, then try again.");
      throw new ServiceError("The service can't be reached. Check that it runs, then try again.");
    }
  }

  /** Ask the user once, however many questions wait for it. @param {string | null} used @param {AbortSignal | undefined} signal @returns {Promise<boolean>} */
  async login(used, signal) {
    if (stored() !== used) return true; // another question has a newer one already
    this.asking ??= this.askToken(used !== null).finally(() => (this.asking = null));
    const given = await this.asking;
    signal?.throwIfAborted();
    if (given) sessionStorage.setItem(TOKEN, given);
    else sessionStorage.removeItem(TOKEN);
    return given !== null;
  }
}

function stored() {
  return sessionStorage.getItem(TOKEN);
}

/** @param {Record<string, string | Blob> | undefined} fields */
function form(fields) {
  if (!fields) return undefined;
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    // A file's own name may name a patient: it stays here.
    if (value instanceof Blob) body.append(name, value, "image");
    else body.append(name, value);
  }
  return body;
}

/** How long the service asks to wait, within reason; null where it doesn't ask. @param {Response} answer */
function patience(answer) {
  const asked_s = Number(answer.headers.get("Retry-After") ?? NaN);
  return Number.isFinite(asked_s) ? Math.min(Math.max(Math.ceil(asked_s), 1), LONGEST_WAIT_S) : null;
}

/** @param {number} wait_s @param {AbortSignal | undefined} signal @returns {Promise<void>} */
function pause(wait_s, signal) {
  return new Promise((done, stop) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, wait_s * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      stop(signal.reason);
    });
  });
}

/** @param {Response} answer @returns {Promise<ServiceError>} */
async function refusal(answer) {
  const told = await answer.json().catch(() => null);
  const detail = told && told.error;
  const text = detail && detail.message ? `${detail.message}. What to do: ${detail.hint}.` : `The service answered ${answer.status}.`;
  return new ServiceError(text.charAt(0).toUpperCase() + text.slice(1), { status: answer.status, code: detail?.code });
}
