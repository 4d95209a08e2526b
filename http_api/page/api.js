/** The worker over HTTP. */

const KEY = "f5-api-key";

/** What the server refused, in its words. */
export class Failure extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {string | null} code
   */
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @typedef {{method?: string, body?: object, signal?: AbortSignal}} Options
 * @typedef {(why: string) => Promise<string>} AskKey
 */

export class Api {
  /** @type {AskKey} */
  #askKey;
  /** @type {Promise<string> | null} */
  #asked = null;

  /** @param {AskKey} askKey */
  constructor(askKey) {
    this.#askKey = askKey;
  }

  /** Whether requests carry a key, which `<audio>` and plain links can't. */
  get hasKey() {
    return sessionStorage.getItem(KEY) !== null;
  }

  /**
   * The reply to a request. Asks for the key as often as the server refuses it.
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<Response>}
   */
  async send(path, options = {}) {
    const key = sessionStorage.getItem(KEY);
    const reply = await this.#fetch(path, options, key);
    if (reply.status === 401) {
      if (key === sessionStorage.getItem(KEY)) await this.#renewKey(await failureOf(reply));
      return this.send(path, options);
    }
    if (!reply.ok) throw await failureOf(reply);
    return reply;
  }

  /**
   * @param {string} path
   * @param {Options} [options]
   * @returns {Promise<any>}
   */
  async json(path, options) {
    return (await this.send(path, options)).json();
  }

  /**
   * The reply to an action of the API.
   * @param {string} name
   * @param {object} fields
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  action(name, fields, signal) {
    return this.json(`/v1/actions/${name}`, { method: "POST", body: fields, signal });
  }

  /**
   * @param {string} path
   * @returns {Promise<Blob>}
   */
  async blob(path) {
    return (await this.send(path)).blob();
  }

  /**
   * @param {string} path
   * @param {Options} options
   * @param {string | null} key
   */
  async #fetch(path, { method = "GET", body, signal }, key) {
    const headers = new Headers(key === null ? {} : { Authorization: `Bearer ${key}` });
    if (body) headers.set("Content-Type", "application/json");
    try {
      return await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
    } catch (problem) {
      if (signal?.aborted) throw problem;
      throw new Failure("The server doesn't answer. Is it still running?", 0, null);
    }
  }

  /** @param {Failure} failure */
  async #renewKey(failure) {
    this.#asked ??= this.#askKey(failure.message);
    sessionStorage.setItem(KEY, await this.#asked);
    this.#asked = null;
  }
}

/**
 * @param {Response} reply
 * @returns {Promise<Failure>}
 */
async function failureOf(reply) {
  const body = await reply.json().catch(() => null);
  const message = body?.error?.message ?? `The server answered with HTTP ${reply.status}.`;
  return new Failure(message, reply.status, body?.error?.code ?? null);
}
