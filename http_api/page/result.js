import { element, list, messageOf, say } from "./dom.js";

/** @type {[string, string, string][]} What it is called, its path, its file's ending. */
const FILES = [
  ["WAV", "audio", "wav"],
  ["MP3", "audio.mp3", "mp3"],
  ["SRT", "subtitles.srt", "srt"],
  ["VTT", "subtitles.vtt", "vtt"],
];

/**
 * Show what a finished job made: files, facts, cost, licence, warnings.
 * @param {import("./api.js").Api} api
 * @param {string} id
 * @param {any} result
 */
export function showResult(api, id, result) {
  const offered = FILES.filter(([, path, ending]) => path.startsWith("audio") || result.files?.[ending]);
  element("downloads").replaceChildren(...offered.map(([name, path, ending]) => link(api, name, `/v1/audio/jobs/${id}/${path}`, `${id}.${ending}`)));
  say("facts", factsOf(result));
  say("cost", result.cost ? costOf(result.cost) : "");
  say("license", result.license_notice ?? "");
  list("warnings", (result.warnings ?? []).map((/** @type {any} */ warning) => warning.message));
  element("made").hidden = false;
}

/**
 * A link to a file. A link sends no key, so with one the file is fetched first.
 * @param {import("./api.js").Api} api
 * @param {string} name
 * @param {string} path
 * @param {string} file
 */
function link(api, name, path, file) {
  const made = document.createElement("a");
  made.textContent = name;
  made.href = `${path}?download=1`;
  made.download = file;
  made.addEventListener("click", (event) => {
    if (!api.hasKey) return;
    event.preventDefault();
    api.blob(path).then((blob) => save(blob, file), (failure) => say("speak-error", messageOf(failure)));
  });
  return made;
}

/**
 * @param {Blob} blob
 * @param {string} file
 */
function save(blob, file) {
  const made = document.createElement("a");
  made.href = URL.createObjectURL(blob);
  made.download = file;
  made.click();
  setTimeout(() => URL.revokeObjectURL(made.href), 60_000);
}

/** @param {any} result */
function factsOf({ duration, engine_used: engine, profile_applied: profile, manifest, timings }) {
  const facts = [
    `${duration.toFixed(1)} s of speech`,
    timings && `made in ${timings.total.toFixed(1)} s`,
    engine && `by ${engine}, ${profile}`,
    manifest && `seed ${manifest.seed}`,
  ];
  return facts.filter(Boolean).join(" · ");
}

/** @param {{usd: number, seconds: number, price_per_second: number}} cost */
function costOf({ usd, seconds, price_per_second: price }) {
  return `Cost: $${usd.toPrecision(2)} for ${seconds.toFixed(1)} s of this job's turns on the GPU at $${price} a second. Start and idle time aren't in it.`;
}
