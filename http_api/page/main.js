import { Api } from "./api.js";
import { curlCall, pythonCall } from "./calls.js";
import { element, say } from "./dom.js";
import { askKey } from "./key.js";
import { speakStep } from "./speak.js";
import { textStep } from "./text.js";
import { voiceSteps } from "./voice.js";

const EVERY_MS = 2000;

/** Show how the worker stands until it is ready. */
async function showState() {
  const status = await fetch("/ping", { cache: "no-store" }).then((reply) => reply.status, () => 0);
  say("state", stateOf(status));
  if (status !== 200) setTimeout(showState, EVERY_MS);
}

/** @param {number} status */
function stateOf(status) {
  if (status === 200) return "The worker is ready.";
  if (status === 204) return "The worker is starting …";
  return status === 503 ? "The worker can't speak: it is stopping, or must be replaced." : "The worker doesn't answer.";
}

function offerCopies() {
  for (const copier of document.querySelectorAll("[data-copies]")) {
    const source = element(copier.getAttribute("data-copies") ?? "");
    copier.addEventListener("click", () => {
      navigator.clipboard.writeText(source.textContent ?? "").then(
        () => say("copied", "Copied."),
        () => say("copied", "The browser doesn't let this page copy. Select the lines instead."),
      );
    });
  }
}

function start() {
  const api = new Api(askKey);
  const voices = voiceSteps(api, () => text.refresh());
  const text = textStep(api, voices.voice, () => {
    const fields = text.fields();
    fields.voice ||= "VOICE";
    say("curl", curlCall(location.origin, fields, api.hasKey));
    say("python", pythonCall(location.origin, fields, api.hasKey));
  });
  speakStep(api, text.fields);
  offerCopies();
  void voices.open();
  void showState();
}

start();
