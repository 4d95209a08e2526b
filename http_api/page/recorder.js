/** The microphone: records until it is told to stop, or for as long as a voice uses. */

const MOST_SECONDS = 12;
const QUIETEST_DB = -60;

/**
 * @typedef {{seconds: number, level: number, word: string}} Heard How long, how loud (0 to 1), and how loud in a word.
 * @typedef {{stop: () => void, blob: Promise<Blob>}} Recording
 */

/**
 * Begin to record.
 * @param {(heard: Heard) => void} onHeard
 * @returns {Promise<Recording>}
 */
export async function record(onHeard) {
  const stream = await openMicrophone();
  const recorder = new MediaRecorder(stream);
  const context = new AudioContext();
  const stop = () => recorder.state !== "inactive" && recorder.stop();
  const timer = watch(context, stream, (heard) => {
    onHeard(heard);
    if (heard.seconds >= MOST_SECONDS) stop();
  });
  /** @type {Blob[]} */
  const pieces = [];
  recorder.ondataavailable = (event) => pieces.push(event.data);
  const blob = new Promise((resolve) => {
    recorder.onstop = () => {
      clearInterval(timer);
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      resolve(new Blob(pieces, { type: recorder.mimeType }));
    };
  });
  recorder.start();
  return { stop, blob };
}

/** The microphone as it is: what browsers do for calls changes a voice. */
async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers record on https pages and on 127.0.0.1 only. Choose a file instead.");
  }
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch {
    throw new Error("The browser gave no microphone. Allow it for this page, or choose a file instead.");
  }
}

/**
 * @param {AudioContext} context
 * @param {MediaStream} stream
 * @param {(heard: Heard) => void} onHeard
 * @returns {ReturnType<typeof setInterval>}
 */
function watch(context, stream, onHeard) {
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192; // longer than the time between two looks, so that no peak is missed
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const begun = performance.now();
  return setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onHeard({ seconds: (performance.now() - begun) / 1000, ...loudness(samples) });
  }, 100);
}

/** @param {Float32Array} samples */
function loudness(samples) {
  const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const decibels = 10 * Math.log10(power + 1e-12);
  const level = Math.min(1, Math.max(0, 1 - decibels / QUIETEST_DB));
  return { level, word: peak > 0.98 ? "too loud" : decibels < -45 ? "quiet" : "good" };
}
