import { input, list, messageOf, say, select, textarea } from "./dom.js";
import { offerLanguages } from "./languages.js";

const PAUSE_MS = 400;

/**
 * Step 4: the text, how it is spoken, and what will be read.
 * @param {import("./api.js").Api} api
 * @param {() => any} voice
 * @param {() => void} onChange
 */
export function textStep(api, voice, onChange) {
  offerLanguages(select("language"), "the voice's");
  let asked = new AbortController();

  /** The fields of a request that are set. */
  function fields() {
    const language = select("language").value;
    const profile = select("profile").value;
    const seed = input("seed").value;
    return {
      text: textarea("text").value,
      voice: voice()?.voice ?? "",
      ...(language && { language }),
      ...(profile && { profile }),
      ...(seed && { seed: Number(seed) }),
    };
  }

  /** Show the reading a moment after the last change. */
  function refresh() {
    onChange();
    const { text, language, voice: name } = fields();
    say("text-count", `${[...text].length.toLocaleString("en")} characters`);
    asked.abort();
    asked = new AbortController();
    if (text.trim()) void read({ text, ...(language && { language }), ...(name && { voice: name }) }, asked.signal);
    else show("", []);
  }

  /**
   * @param {object} request
   * @param {AbortSignal} signal
   */
  async function read(request, signal) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (signal.aborted) return;
    try {
      const reply = await api.action("read", request, signal);
      show(withPauses(reply), reply.warnings);
    } catch (failure) {
      if (!signal.aborted) show("", [], messageOf(failure));
    }
  }

  for (const field of [textarea("text"), select("language"), select("profile"), input("seed")]) {
    field.addEventListener("input", refresh);
  }
  return { fields, refresh };
}

/**
 * @param {string} reading
 * @param {{message: string}[]} warnings
 * @param {string} [error]
 */
function show(reading, warnings, error = "") {
  say("reading", reading);
  list("reading-warnings", warnings.map((warning) => warning.message));
  say("text-error", error);
}

/**
 * A reading with its pauses in words. Places are counted in code points.
 * @param {{reading: string, pauses: {at: number, seconds: number}[]}} reply
 */
function withPauses({ reading, pauses }) {
  const points = [...reading];
  for (const { at, seconds } of [...pauses].reverse()) points.splice(at, 0, `(${seconds} s of silence) `);
  return points.join("");
}
