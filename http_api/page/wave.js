const BAR = 3;

/**
 * A waveform on a canvas. The audio's own controls do the same for keyboards and screen readers.
 * @param {HTMLCanvasElement} canvas
 * @param {(share: number) => void} onSeek
 */
export function waveView(canvas, onSeek) {
  /** @type {Float32Array} */
  let samples = new Float32Array();
  /** @type {number[]} */
  let peaks = [];
  let played = 0;

  /** @param {Blob | null} sound */
  async function show(sound) {
    samples = sound ? await samplesOf(sound) : new Float32Array();
    fit();
  }

  function fit() {
    canvas.width = canvas.clientWidth * devicePixelRatio;
    canvas.height = canvas.clientHeight * devicePixelRatio;
    peaks = peaksOf(samples, Math.floor(canvas.clientWidth / BAR));
    draw();
  }

  function draw() {
    const pen = canvas.getContext("2d");
    if (!pen) return;
    const colours = getComputedStyle(canvas);
    const most = Math.max(...peaks, 0.01);
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    peaks.forEach((peak, index) => {
      const height = Math.max(2, (peak / most) * canvas.clientHeight);
      pen.fillStyle = index < played * peaks.length ? colours.accentColor : colours.color;
      pen.fillRect(index * BAR, (canvas.clientHeight - height) / 2, BAR - 1, height);
    });
  }

  /** @param {number} share How much of it was played, 0 to 1. */
  function light(share) {
    if (Math.round(share * peaks.length) === Math.round(played * peaks.length)) return;
    played = share;
    draw();
  }

  canvas.addEventListener("click", (event) => onSeek(event.offsetX / canvas.clientWidth));
  new ResizeObserver(fit).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return { show, light };
}

/** @param {Blob} sound */
async function samplesOf(sound) {
  const decoder = new OfflineAudioContext(1, 1, 24000);
  return (await decoder.decodeAudioData(await sound.arrayBuffer())).getChannelData(0);
}

/**
 * The loudest sample of each bar.
 * @param {Float32Array} samples
 * @param {number} bars
 */
function peaksOf(samples, bars) {
  const length = samples.length / bars;
  return Array.from({ length: bars }, (_, bar) =>
    samples.subarray(bar * length, (bar + 1) * length).reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
}
