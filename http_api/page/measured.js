/**
 * What was measured of a recording, in words.
 * @param {any} voice The reply to an upload, or an entry of the list of voices.
 * @returns {string[]}
 */
export function inWords(voice) {
  const { measured = {}, warnings = [] } = voice;
  return [
    length(voice),
    voice.clipped && "Some speech was cut off: about 12 s are used, and very quiet edges are dropped.",
    voice.gain_db > 0 && `It was quiet, so it was raised by ${voice.gain_db.toFixed(0)} dB.`,
    measured.clipped_share > 0.0005 && `${percent(measured.clipped_share)} of it is distorted: stay farther from the microphone.`,
    noise(measured.snr_db),
    ...warnings.map((/** @type {any} */ warning) => warning.message),
  ].filter(Boolean);
}

/** @param {any} voice */
function length({ duration, measured }) {
  if (duration === undefined) return "";
  const kept = `${duration.toFixed(1)} s are kept`;
  const all = measured ? `${measured.duration.toFixed(1)} s came, ${kept}` : kept;
  return duration < 5 ? `${all}. 6 to 12 s make a better voice.` : `${all}.`;
}

/** @param {number | null | undefined} decibels */
function noise(decibels) {
  if (decibels === null || decibels === undefined) return "";
  const below = `${decibels.toFixed(0)} dB below the voice`;
  if (decibels >= 30) return `Hardly any noise: ${below}.`;
  return decibels >= 20 ? `Some noise: ${below}.` : `Much noise, only ${below}. A quieter room helps.`;
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}
