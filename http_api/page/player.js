import { byId, element, say } from "./dom.js";
import { waveView } from "./wave.js";
import { wordView } from "./words.js";

/**
 * The speech: from its first part on as a stream; once it is whole, to seek in.
 * @param {import("./api.js").Api} api
 */
export function player(api) {
  const audio = byId("audio", HTMLAudioElement);
  const wave = waveView(byId("wave", HTMLCanvasElement), (share) => seek(share * length));
  const words = wordView(element("words"), seek);
  /** @type {Blob | null} */
  let whole = null;
  let length = 0;

  function clear() {
    whole = null;
    length = 0;
    source("");
    words.show("", []);
    void wave.show(null);
    element("result").hidden = element("made").hidden = element("words-note").hidden = true;
  }

  /** @param {string} url */
  function source(url) {
    if (audio.src.startsWith("blob:")) URL.revokeObjectURL(audio.src);
    if (url) audio.src = url;
    else audio.removeAttribute("src");
    audio.load();
  }

  /**
   * Play a job's sound as it comes. An `<audio>` sends no key, so with one the sound waits until it is whole.
   * @param {string} id
   */
  function stream(id) {
    if (api.hasKey || audio.src) return;
    element("result").hidden = false;
    source(`/v1/audio/jobs/${id}/stream.mp3`);
    play();
  }

  /**
   * @param {string} id
   * @param {string} text
   * @param {any} result
   */
  async function finish(id, text, result) {
    element("result").hidden = false;
    const wasStreamed = audio.src !== "";
    whole = await api.blob(`/v1/audio/jobs/${id}/audio`);
    length = result.duration;
    const isBroken = audio.error !== null;
    if (!wasStreamed || isBroken || audio.paused) bringWhole();
    if (!wasStreamed || isBroken) play();
    await wave.show(whole);
    const times = await wordsOf(id, result);
    words.show(text, times);
    element("words-note").hidden = times.length === 0;
  }

  /**
   * @param {string} id
   * @param {any} result
   */
  async function wordsOf(id, result) {
    if (result.words || !result.files?.words) return result.words ?? [];
    const reply = await api.json(`/v1/audio/jobs/${id}/words`);
    return reply.words ?? reply;
  }

  /** Exchange the stream for the whole, at the same place. */
  function bringWhole() {
    if (!whole || audio.src.startsWith("blob:")) return;
    const place = audio.ended ? 0 : audio.currentTime;
    source(URL.createObjectURL(whole));
    audio.currentTime = place;
  }

  /** @param {number} seconds */
  function seek(seconds) {
    if (!whole) return;
    bringWhole();
    audio.currentTime = seconds;
    play();
  }

  /** A browser may want a press of the audio's own button first. */
  function play() {
    audio.play().catch(() => undefined);
  }

  function light() {
    words.light(audio.currentTime);
    wave.light(length ? audio.currentTime / length : 0);
  }

  function follow() {
    light();
    if (!audio.paused) requestAnimationFrame(follow);
  }

  audio.addEventListener("playing", follow);
  audio.addEventListener("seeked", light);
  audio.addEventListener("pause", bringWhole);
  audio.addEventListener("error", () => {
    if (audio.src && !whole) say("speak-said", "The sound can't be played as it comes. It is played once it is whole.");
  });
  return { clear, stream, finish };
}
