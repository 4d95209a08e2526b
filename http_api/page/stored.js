import { attempt, button, element, messageOf, say, select } from "./dom.js";

const LAST = "f5-voice";

/**
 * Remember the voice that spoke last: the page opens on it.
 * @param {string} name
 */
export const rememberVoice = (name) => localStorage.setItem(LAST, name);

/**
 * The list of the stored voices: choose one, or delete it.
 * @param {import("./api.js").Api} api
 * @param {() => void} onChange
 */
export function storedVoices(api, onChange) {
  const choice = select("voices");
  /** @type {Map<string, any>} */
  let known = new Map();

  /** @param {string} [chosen] */
  async function load(chosen = choice.value || localStorage.getItem(LAST) || "") {
    try {
      const voices = await allVoices(api);
      known = new Map(voices.map((voice) => [voice.voice, voice]));
      choice.replaceChildren(...voices.map((voice) => new Option(label(voice), voice.voice)));
      const first = voices.find(({ problem }) => !problem);
      if (known.has(chosen)) choice.value = chosen;
      else if (first) choice.value = first.voice;
      button("delete").disabled = voices.length === 0;
      say("voices-error", voices.length ? "" : "No voice is stored yet.");
    } catch (failure) {
      say("voices-error", messageOf(failure));
    }
    onChange();
  }

  /** @param {boolean} asks */
  function ask(asks) {
    element("delete-ask").hidden = !asks;
    say("delete-what", asks ? `Delete the voice ${choice.value} for good?` : "");
    (asks ? button("delete-no") : button("delete")).focus();
  }

  async function remove() {
    const name = choice.value;
    await api.action("delete", { voice: name });
    ask(false);
    say("voices-said", `The voice ${name} is deleted.`);
    await load();
  }

  choice.addEventListener("change", () => {
    element("delete-ask").hidden = true;
    onChange();
  });
  button("delete").addEventListener("click", () => ask(true));
  button("delete-no").addEventListener("click", () => ask(false));
  button("delete-yes").addEventListener("click", () => attempt(button("delete-yes"), "voices-error", remove));
  return { load, chosen: () => known.get(choice.value) ?? null };
}

/**
 * @param {import("./api.js").Api} api
 * @returns {Promise<any[]>}
 */
async function allVoices(api) {
  const voices = [];
  let cursor;
  do {
    const page = await api.action("voices", { limit: 100, ...(cursor && { cursor }) });
    voices.push(...page.voices);
    cursor = page.next_cursor;
  } while (cursor);
  return voices;
}

/** @param {any} voice */
function label({ voice, language, duration, problem }) {
  if (problem) return `${voice} (can't be used)`;
  const facts = [language, duration && `${duration.toFixed(1)} s`].filter(Boolean);
  return facts.length ? `${voice} (${facts.join(", ")})` : voice;
}
