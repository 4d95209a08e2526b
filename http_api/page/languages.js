/** Languages that checkpoints speak, and a sentence of about eight seconds to read in some of them. */

const CODES = "ar cs de en es fi fr hi hu it ja ko lv nl pl pt ru tr zh".split(" ");

/** @type {Record<string, string>} */
const SENTENCES = {
  en: "Last summer we walked along the river until the lights came on, and somebody played an old song on a piano by an open window.",
  de: "Im letzten Sommer gingen wir am Fluss entlang, bis die Lichter angingen, und jemand spielte an einem offenen Fenster ein altes Lied auf dem Klavier.",
  es: "El verano pasado caminamos junto al río hasta que se encendieron las luces, y alguien tocaba una vieja canción en el piano junto a una ventana abierta.",
  fr: "L'été dernier, nous avons marché le long de la rivière jusqu'à ce que les lumières s'allument, et quelqu'un jouait une vieille chanson au piano.",
  it: "L'estate scorsa abbiamo camminato lungo il fiume finché si sono accese le luci, e qualcuno suonava una vecchia canzone al pianoforte.",
  pt: "No verão passado caminhamos ao longo do rio até as luzes se acenderem, e alguém tocava uma velha canção ao piano.",
  zh: "去年夏天，我们沿着河边一直走到灯亮起来，有人在一扇敞开的窗前，用钢琴弹着一首老歌。",
};

/**
 * Fill a select with languages, by name.
 * @param {HTMLSelectElement} select
 * @param {string} unset What it means to choose none.
 */
export function offerLanguages(select, unset) {
  const names = new Intl.DisplayNames("en", { type: "language" });
  const known = CODES.map((code) => new Option(names.of(code), code));
  known.sort((one, other) => one.text.localeCompare(other.text));
  select.replaceChildren(new Option(unset, ""), ...known);
}

/**
 * A sentence to read aloud.
 * @param {string} code
 */
export function sentenceIn(code) {
  return SENTENCES[code || "en"] ?? "Read two sentences of your own in this language, without a long pause.";
}
