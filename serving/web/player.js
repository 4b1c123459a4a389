// Frames one after the other at a modest speed, the next ones fetched ahead; a frame that is stayed on is made ready for prompts.

const EACH_MS = 100;
const AHEAD = 4;
const STAYED_MS = 250;

/** @param {import("./desk.js").Desk} desk */
export function player(desk) {
  let running = false;
  let staying = 0;

  async function run() {
    running = true;
    while (desk.state.playing && desk.state.source && desk.frames) {
      const began = performance.now();
      const { frame, source } = desk.state;
      for (let n = 1; n <= Math.min(AHEAD, source.frames - 1); n++) desk.frames.bitmap((frame + n) % source.frames).catch(() => {});
      const there = await desk.goTo((frame + 1) % source.frames);
      if (!there) desk.set({ playing: false });
      await new Promise((done) => setTimeout(done, Math.max(0, EACH_MS - (performance.now() - began))));
    }
    running = false;
  }

  desk.listeners.push((state, before) => {
    if (state.playing && !running) run();
    if (!state.source || (state.frame === before.frame && state.playing === before.playing)) return;
    clearTimeout(staying);
    if (state.playing) return;
    staying = setTimeout(() => desk.learn(state.frame).catch((error) => error.name !== "AbortError" && desk.notices.fail(error)), STAYED_MS);
  });
}
