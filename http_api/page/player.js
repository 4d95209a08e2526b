import { byId, element } from "./dom.js";
import { canFeed, feed } from "./feed.js";
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
  let kept = "";
  /** @type {"none" | "stream" | "whole"} */
  let playing = "none";
  let coming = new AbortController();

  function clear() {
    coming.abort();
    whole = null;
    length = 0;
    audio.removeAttribute("src");
    audio.load();
    playing = "none";
    words.show("", []);
    void wave.show(null);
    element("result").hidden = element("made").hidden = element("words-note").hidden = true;
  }

  /**
   * Play a job's sound as it comes, where the browser can.
   * @param {string} id
   */
  function stream(id) {
    if (playing !== "none" || (api.hasKey && !canFeed())) return;
    playing = "stream";
    element("result").hidden = false;
    const path = `/v1/audio/jobs/${id}/stream.mp3`;
    coming = new AbortController();
    if (canFeed()) feed(audio, api.send(path, { signal: coming.signal })).catch(() => undefined);
    else audio.src = path;
    play();
  }

  /**
   * @param {string} id
   * @param {string} text
   * @param {any} result
   */
  async function finish(id, text, result) {
    element("result").hidden = false;
    whole = await api.blob(`/v1/audio/jobs/${id}/audio`);
    length = result.duration;
    const isNew = playing === "none" || audio.error !== null;
    if (isNew || audio.paused) bringWhole();
    if (isNew) play();
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

  /** Exchange the stream for the whole, at the same place. One that broke off goes on. */
  function bringWhole() {
    if (!whole || playing === "whole") return;
    const [isOver, place] = [audio.ended, audio.currentTime];
    const isCut = isOver && place < length - 1;
    URL.revokeObjectURL(kept);
    audio.src = kept = URL.createObjectURL(whole);
    audio.currentTime = isOver && !isCut ? 0 : place;
    playing = "whole";
    if (isCut) play();
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
  return { clear, stream, finish };
}
