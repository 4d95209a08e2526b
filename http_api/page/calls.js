/**
 * The same call from a program: what OpenAI's speech API knows, and this worker's own fields beside it.
 * @typedef {{text: string, voice: string, language?: string, profile?: string, seed?: number}} Fields
 */

/**
 * @param {string} origin
 * @param {Fields} fields
 * @param {boolean} hasKey
 */
export function curlCall(origin, { text, voice, ...own }, hasKey) {
  const body = JSON.stringify({ model: "tts-1", input: text, voice, response_format: "mp3", ...own });
  const lines = [
    `curl ${origin}/v1/audio/speech`,
    ...(hasKey ? ['-H "Authorization: Bearer $API_KEY"'] : []),
    "-H 'Content-Type: application/json'",
    `-d ${shellQuoted(body)}`,
    "-o speech.mp3",
  ];
  return lines.join(" \\\n  ");
}

/**
 * @param {string} origin
 * @param {Fields} fields
 * @param {boolean} hasKey
 */
export function pythonCall(origin, { text, voice, ...own }, hasKey) {
  const key = hasKey ? 'os.environ["API_KEY"]' : '"none"';
  const extra = Object.keys(own).length ? `, extra_body=${JSON.stringify(own)}` : "";
  return `${hasKey ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${key})
speech = client.audio.speech.with_streaming_response.create(
    model="tts-1", voice=${JSON.stringify(voice)}, input=${JSON.stringify(text)}${extra}
)
with speech as reply:
    reply.stream_to_file("speech.mp3")`;
}

/** @param {string} text */
function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
