import { Failure } from "./api.js";
import { attempt, button, byId, say } from "./dom.js";
import { showResult } from "./result.js";
import { player } from "./player.js";
import { rememberVoice } from "./stored.js";

const EVERY_MS = 500;
const MOST_FAILURES = 10;
const ENDS = new Set(["COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"]);

/**
 * Step 5: speak, watch, cancel, hear.
 * @param {import("./api.js").Api} api
 * @param {() => import("./calls.js").Fields} fields
 */
export function speakStep(api, fields) {
  const sound = player(api);
  /** @type {string | null} */
  let running = null;

  async function speak() {
    const wanted = fields();
    if (!wanted.voice) throw new Error("Choose a stored voice, or store a new one first (steps 1 and 2).");
    sound.clear();
    showProgress({});
    try {
      await follow(await begin(wanted), wanted.text);
    } finally {
      running = null;
      button("cancel").hidden = byId("progress", HTMLProgressElement).hidden = true;
    }
  }

  /** @param {import("./calls.js").Fields} wanted */
  async function begin(wanted) {
    const extra = { words: true, subtitles: ["srt", "vtt"], parts: true, first_chunk_s: 3.0 };
    const body = { seed: drawnSeed(), ...wanted, ...extra };
    const { id } = await api.json("/v1/audio/jobs", { method: "POST", body });
    running = id;
    rememberVoice(wanted.voice);
    button("cancel").disabled = button("cancel").hidden = false;
    return id;
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  async function follow(id, text) {
    const job = await ended(id);
    if (job.status === "CANCELLED") return cancelled();
    if (job.status !== "COMPLETED") throw new Error(job.failure?.message ?? "The worker stopped before the end. Speak again.");
    const result = job.result ?? (await api.action("result", { job_id: id }));
    await sound.finish(id, text, result);
    showResult(api, id, result);
    say("speak-said", "Done.");
  }

  /** @param {string} id */
  async function ended(id) {
    for (let failures = 0; ; ) {
      try {
        const job = await api.json(`/v1/audio/jobs/${id}`);
        failures = 0;
        if (ENDS.has(job.status)) return job;
        showProgress(job);
        if (job.parts?.ready) sound.stream(id);
      } catch (failure) {
        if (++failures > MOST_FAILURES || !mayPass(failure)) throw failure;
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  function cancelled() {
    sound.clear();
    say("speak-said", "Cancelled.");
  }

  async function cancel() {
    if (!running) return;
    say("speak-said", "Cancelling …");
    await api.json(`/v1/audio/jobs/${running}`, { method: "DELETE" });
  }

  button("speak").addEventListener("click", () => attempt(button("speak"), "speak-error", speak));
  button("cancel").addEventListener("click", () => attempt(button("cancel"), "speak-error", cancel));
}

/**
 * Nobody knows how long the work before the first piece takes, so words tell it, and the bar has no value.
 * @param {any} job
 */
function showProgress(job) {
  const { done = 0, total = 0 } = job.progress ?? {};
  const bar = byId("progress", HTMLProgressElement);
  bar.hidden = false;
  bar.max = total || 1;
  if (done) bar.value = done;
  else bar.removeAttribute("value");
  say("speak-said", inWords(job, done, total));
}

/**
 * A job that no worker has taken yet has no `attempt`.
 * @param {any} job
 * @param {number} done
 * @param {number} total
 */
function inWords(job, done, total) {
  if (done) return `${done} of ${total} pieces are spoken.`;
  if (total) return `Loading the model if it isn't loaded, and speaking the first of ${total} pieces …`;
  return job.attempt ? "A worker has the text: it prepares the voice, or waits for the GPU …" : "Waiting for the worker …";
}

/** A seed that the page knows, so that the call can be repeated. JSON's numbers hold it exactly. */
function drawnSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/**
 * Whether it is worth asking for the job again: it may not be known yet, or the server is busy.
 * @param {unknown} failure
 */
function mayPass(failure) {
  return failure instanceof Failure && (failure.status === 0 || failure.status === 404 || failure.status === 429 || failure.status >= 500);
}
