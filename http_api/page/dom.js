/**
 * The element of an id. The page has it, or is broken.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

/** @param {string} id */
export const input = (id) => byId(id, HTMLInputElement);

/** @param {string} id */
export const button = (id) => byId(id, HTMLButtonElement);

/** @param {string} id */
export const select = (id) => byId(id, HTMLSelectElement);

/** @param {string} id */
export const textarea = (id) => byId(id, HTMLTextAreaElement);

/** @param {string} id */
export const element = (id) => byId(id, HTMLElement);

/**
 * Put a text into an element; what callers wrote is never taken for HTML.
 * @param {string} id
 * @param {string} text
 */
export function say(id, text) {
  element(id).textContent = text;
}

/**
 * Fill a list with sentences.
 * @param {string} id
 * @param {string[]} sentences
 */
export function list(id, sentences) {
  element(id).replaceChildren(
    ...sentences.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }),
  );
}

/**
 * Do something once at a time: its button is disabled meanwhile, and a failure is said in its place.
 * @param {HTMLButtonElement} pressed
 * @param {string} errorId
 * @param {() => Promise<void>} work
 */
export async function attempt(pressed, errorId, work) {
  say(errorId, "");
  pressed.disabled = true;
  try {
    await work();
  } catch (failure) {
    say(errorId, messageOf(failure));
  } finally {
    pressed.disabled = false;
  }
}

/**
 * @param {unknown} failure
 * @returns {string}
 */
export function messageOf(failure) {
  return failure instanceof Error ? failure.message : String(failure);
}
