import { attempt, button, byId, element, input, say, select } from "./dom.js";
import { sentenceIn } from "./languages.js";
import { record } from "./recorder.js";

const ENOUGH_SECONDS = 6;

/**
 * Step 1: a recording from the microphone, or from a file.
 * @param {() => void} onRecording
 * @returns {() => Blob | null} What was recorded or chosen last.
 */
export function recordingStep(onRecording) {
  /** @type {Blob | null} */
  let kept = null;

  /**
   * @param {Blob} blob
   * @param {string} name
   */
  function keep(blob, name) {
    kept = blob;
    show(blob, name);
    onRecording();
  }

  const language = select("voice-language");
  const showSentence = () => say("sentence", sentenceIn(language.value));
  language.addEventListener("change", showSentence);
  showSentence();
  recordButton((blob) => keep(blob, "Recorded. Listen to it, or record again."));
  fileField((file) => keep(file, file.name));
  return () => kept;
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function show(blob, name) {
  const audio = byId("recording", HTMLAudioElement);
  URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(blob);
  audio.hidden = false;
  say("recording-name", name);
  say("record-error", "");
}

/** @param {(blob: Blob) => void} onBlob */
function recordButton(onBlob) {
  const pressed = button("record");
  /** @type {import("./recorder.js").Recording | null} */
  let running = null;
  pressed.addEventListener("click", () => {
    if (running) running.stop();
    else void attempt(pressed, "record-error", begin);
  });

  async function begin() {
    running = await record(showHeard);
    pressed.textContent = "Stop";
    void running.blob.then((blob) => {
      running = null;
      pressed.textContent = "Record";
      say("level-word", "");
      onBlob(blob);
    });
  }
}

/** @param {import("./recorder.js").Heard} heard */
function showHeard({ seconds, level, word }) {
  say("record-time", `${seconds.toFixed(1)} s`);
  byId("level", HTMLMeterElement).value = level;
  const advice = seconds < ENOUGH_SECONDS ? word : `${word}, long enough`;
  if (element("level-word").textContent !== advice) say("level-word", advice);
}

/** @param {(file: File) => void} onFile */
function fileField(onFile) {
  const field = input("file");
  const drop = element("drop");
  /** @param {FileList | null | undefined} files */
  const take = (files) => files?.[0] && onFile(files[0]);
  field.addEventListener("click", () => (field.value = "")); // so that the same file can be chosen again
  field.addEventListener("change", () => take(field.files));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer?.files);
  });
}
