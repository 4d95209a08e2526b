/**
 * Sound as it comes. A plain `<audio src>` does that too, but Chromium waits there for 32 KiB, which are 2.7 s of MP3, and sends no key.
 */

const KIND = "audio/mpeg";

/** Firefox can't. */
export function canFeed() {
  return "MediaSource" in window && MediaSource.isTypeSupported(KIND);
}

/**
 * Play an MP3 while it arrives. A sound that breaks off just ends.
 * @param {HTMLAudioElement} audio
 * @param {Promise<Response>} coming
 */
export async function feed(audio, coming) {
  const source = new MediaSource();
  audio.src = URL.createObjectURL(source);
  await happened(source, "sourceopen");
  URL.revokeObjectURL(audio.src);
  try {
    await pour(source.addSourceBuffer(KIND), await coming);
  } finally {
    if (source.readyState === "open") source.endOfStream();
  }
}

/**
 * @param {SourceBuffer} buffer
 * @param {Response} reply
 */
async function pour(buffer, reply) {
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (reply.body).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      buffer.appendBuffer(piece.value);
      await happened(buffer, "updateend");
    }
  } finally {
    await reader.cancel();
  }
}

/**
 * @param {EventTarget} target
 * @param {string} name
 */
function happened(target, name) {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}
