const LINGER_S = 0.25; // so that light doesn't flicker between two words

/**
 * The words of a text, lit as they are spoken. One of them can be reached by Tab, the others by the arrow keys.
 * @typedef {{text: string, start: number | null, end: number | null, text_start: number, text_end: number}} Word
 */

/**
 * @param {HTMLElement} place
 * @param {(seconds: number) => void} onSeek
 */
export function wordView(place, onSeek) {
  /** @type {{button: HTMLButtonElement, start: number, end: number}[]} */
  let shown = [];
  /** @type {HTMLButtonElement | undefined} */
  let lit;

  /**
   * @param {string} text
   * @param {Word[]} words
   */
  function show(text, words) {
    const points = [...text];
    const nodes = [];
    let at = 0;
    shown = [];
    for (const { start, end, text_start: from, text_end: to } of words) {
      if (start === null || end === null || from < at) continue;
      const button = wordButton(points.slice(from, to).join(""), start);
      nodes.push(points.slice(at, from).join(""), button);
      shown.push({ button, start, end });
      at = to;
    }
    place.replaceChildren(...nodes, points.slice(at).join(""));
    if (shown[0]) shown[0].button.tabIndex = 0;
  }

  /**
   * @param {string} text
   * @param {number} start
   */
  function wordButton(text, start) {
    const button = document.createElement("button");
    button.type = "button";
    button.tabIndex = -1;
    button.textContent = text;
    button.addEventListener("click", () => {
      reach(button);
      onSeek(start);
    });
    return button;
  }

  /** @param {HTMLButtonElement} button */
  function reach(button) {
    shown.forEach((one) => (one.button.tabIndex = -1));
    button.tabIndex = 0;
    button.focus();
  }

  /** @param {number} seconds */
  function light(seconds) {
    const last = shown.findLast(({ start }) => start <= seconds);
    const now = last && seconds < last.end + LINGER_S ? last.button : undefined;
    if (now === lit) return;
    lit?.classList.remove("lit");
    now?.classList.add("lit");
    lit = now;
    if (now) keepInView(place, now);
  }

  place.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const here = shown.findIndex(({ button }) => button === document.activeElement);
    const next = step && here >= 0 && shown[here + step];
    if (!next) return;
    event.preventDefault();
    reach(next.button);
  });
  return { show, light };
}

/**
 * Scroll the words, never the page.
 * @param {HTMLElement} place
 * @param {HTMLElement} word
 */
function keepInView(place, word) {
  const above = word.offsetTop - place.offsetTop;
  const isOut = above < place.scrollTop || above + word.offsetHeight > place.scrollTop + place.clientHeight;
  if (isOut) place.scrollTop = above - place.clientHeight / 3;
}
