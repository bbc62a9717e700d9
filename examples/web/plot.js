/** Values that a plot shows: with one a second, the last minute. */
const VALUES_MAX = 60;

const HEIGHT = 100;

/** A line of the last values in an SVG, from zero up to the highest. */
export class Plot {
  #line;
  #values = [];

  constructor(svg) {
    this.#line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", `0 0 ${VALUES_MAX - 1} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.replaceChildren(this.#line);
  }

  add(value) {
    this.#values.push(value);
    if (this.#values.length > VALUES_MAX) this.#values.shift();
    const highest = Math.max(...this.#values, Number.MIN_VALUE);
    const first = VALUES_MAX - this.#values.length;
    const points = this.#values.map((value, index) => `${first + index} ${(HEIGHT - (value / highest) * (HEIGHT - 4) - 2).toFixed(1)}`);
    this.#line.setAttribute("d", `M${points.join("L")}`);
  }
}

/** A number of bits a second, for people. */
export function bitrate(bits) {
  if (bits === null || Number.isNaN(bits)) return "–";
  return bits < 1e6 ? `${(bits / 1e3).toFixed(0)} kbit/s` : `${(bits / 1e6).toFixed(1)} Mbit/s`;
}
