import { Failure } from "./api.js";
import { attempt, button, byId, input, say, select, textarea } from "./dom.js";

/**
 * Steps 2 and 3: store the recording with its consent, and mend its transcript.
 * @param {import("./api.js").Api} api
 * @param {() => Blob | null} recording
 * @param {(voice: any) => void} onStored
 * @returns {() => void} Forget what was stored: there is another recording.
 */
export function storingSteps(api, recording, onStored) {
  const transcript = textarea("transcript");
  /** The transcript that came with the stored voice. */
  let heard = "";

  /** @param {boolean} replace */
  async function store(replace) {
    const fields = await fieldsOf(recording(), replace);
    button("replace").hidden = true;
    say("store-said", "transcript" in fields ? "Storing the voice …" : "Storing the voice, and listening to what it says …");
    try {
      const voice = await api.action("upload", fields);
      heard = transcript.value = voice.transcript ?? "";
      say("store-said", `The voice ${voice.voice} is stored.`);
      onStored(voice);
    } catch (failure) {
      say("store-said", "");
      button("replace").hidden = !(failure instanceof Failure && failure.code === "VOICE_EXISTS");
      throw failure;
    }
  }

  async function keepTranscript() {
    say("transcript-said", "");
    await store(true);
    say("transcript-said", "This transcript is kept.");
  }

  byId("store-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void attempt(button("store"), "store-error", () => store(false));
  });
  button("replace").addEventListener("click", () => attempt(button("replace"), "store-error", () => store(true)));
  button("keep-transcript").addEventListener("click", () => attempt(button("keep-transcript"), "transcript-error", keepTranscript));
  return () => {
    if (transcript.value === heard) transcript.value = heard = "";
    ["store-said", "store-error", "transcript-said", "transcript-error"].forEach((id) => say(id, ""));
  };
}

/**
 * @param {Blob | null} blob
 * @param {boolean} replace
 */
async function fieldsOf(blob, replace) {
  if (!blob) throw new Error("Record your voice or choose a file first (step 1).");
  if (!input("consent").checked) throw new Error("Tick that the speaker agreed: no voice is stored without.");
  const language = select("voice-language").value;
  const transcript = textarea("transcript").value.trim();
  return {
    voice: input("name").value.trim(),
    audio: await base64(blob),
    consent: input("statement").value.trim() || true,
    ...(language && { language }),
    ...(transcript ? { transcript } : { transcribe_now: true }),
    ...(replace && { replace }),
  };
}

/**
 * @param {Blob} blob
 * @returns {Promise<string>}
 */
function base64(blob) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error("The browser can't read this file."));
    reader.readAsDataURL(blob);
  });
}
