import { button, element, input, list, say, select, textarea } from "./dom.js";
import { offerLanguages } from "./languages.js";
import { inWords } from "./measured.js";
import { recordingStep } from "./recording.js";
import { storedVoices } from "./stored.js";
import { storingSteps } from "./storing.js";

const HEARD = "Leave it empty: it is heard from the recording. Every word counts, so mend what was misheard.";
const FIXED = "To change it, take the voice's recording as a new one, and replace the voice.";

/**
 * Steps 1 to 3: the voice that will speak.
 * @param {import("./api.js").Api} api
 * @param {() => void} onVoice
 */
export function voiceSteps(api, onVoice) {
  /** @type {any} What was stored from this page. */
  let made = null;
  let draft = "";
  let hasBegun = false;
  offerLanguages(select("voice-language"), "not given: numbers are not read as words");
  const stored = storedVoices(api, show);
  const recording = recordingStep(() => {
    made = null;
    forget();
    show();
  });
  const forget = storingSteps(api, recording, (voice) => {
    made = voice;
    void stored.load(voice.voice);
  });

  const isNew = () => input("source-new").checked;
  const voice = () => (isNew() ? made : stored.chosen());

  /** Open on a stored voice if there is one, unless the visitor has begun meanwhile. */
  async function open() {
    await stored.load();
    if (hasBegun || !stored.chosen()) return;
    input("source-stored").checked = true;
    show();
  }

  function show() {
    const now = voice();
    element("new-voice").hidden = element("store-form").hidden = !isNew();
    element("stored-voice").hidden = isNew();
    button("keep-transcript").hidden = !(isNew() && made);
    list("measured", now ? inWords(now) : []);
    say("consent-kept", isNew() ? "" : consentOf(now));
    showTranscript();
    onVoice();
  }

  function showTranscript() {
    const transcript = textarea("transcript");
    transcript.readOnly = !isNew();
    if (!isNew()) transcript.value = stored.chosen()?.transcript ?? "";
    say("transcript-note", isNew() ? HEARD : FIXED);
  }

  for (const deed of ["click", "input", "drop"]) {
    element("voice-steps").addEventListener(deed, () => (hasBegun = true), { once: true });
  }
  input("source-new").addEventListener("change", () => {
    textarea("transcript").value = draft;
    show();
  });
  input("source-stored").addEventListener("change", () => {
    draft = textarea("transcript").value;
    show();
  });
  return { voice, open };
}

/** @param {any} voice */
function consentOf(voice) {
  const consent = voice?.consent;
  if (!consent) return "Nothing is known of the speaker's consent.";
  if (!consent.given) return "The speaker was not asked.";
  const day = consent.recorded_at.slice(0, 10);
  return consent.statement ? `Recorded on ${day}: “${consent.statement}”` : `Recorded on ${day}: the speaker agreed.`;
}
