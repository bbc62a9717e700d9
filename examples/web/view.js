import { Plot, bitrate } from "./plot.js";
import { Player } from "./rtspan.js";

/** A large player with its figures. */
export class View {
  #section;
  #source;
  #player = null;
  #path = "";
  #state = "closed";
  #streams = [];
  #isAnother = false;

  /** `source` gives the options of a player for a path. */
  constructor(section, source) {
    this.#section = section;
    this.#source = source;
    this.#find(".sound").addEventListener("click", () => this.#toggleSound());
    this.#find(".full").addEventListener("click", () => this.#find(".screen").requestFullscreen());
  }

  /**
   * Plays the stream that the address names once it is there. One whose player has ended is played again if another one has come to
   * its path since the player began: one that the list did not have, or that has counted fewer bytes than the one before.
   */
  follow(path, streams) {
    const find = (list) => list.find((stream) => stream.path === path);
    const [before, now] = [find(this.#streams), find(streams)];
    this.#streams = streams;
    if (now === undefined) return;
    if (path !== this.#path) return this.play(path);
    this.#isAnother ||= before === undefined || now.bytes < before.bytes;
    if (this.#isAnother) this.again();
  }

  /** Plays the stream again if its player has ended. */
  again() {
    if (this.#path !== "" && this.#state === "closed") this.play(this.#path);
  }

  /** Knows no list from here on, so that the next one has the stream played again if its player has ended. */
  forget() {
    this.#streams = [];
  }

  /** Plays the stream at a path; none if that is empty. */
  play(path) {
    this.close();
    if (path === "") return;
    this.#path = path;
    this.#state = "connecting";
    this.#isAnother = false;
    this.#section.hidden = false;
    this.#find("h2").textContent = path;
    const plots = { fps: new Plot(this.#find("svg.fps")), bitrate: new Plot(this.#find("svg.bitrate")) };
    // The picture of another stream does not stay, not even for a moment.
    const canvas = document.createElement("canvas");
    this.#find("canvas").replaceWith(canvas);
    this.#player = new Player({
      ...this.#source(path),
      video: canvas,
      onstate: (state) => this.#show(state),
      onstats: (stats) => this.#showStats(stats, plots),
    });
    this.#section.scrollIntoView({ block: "nearest" });
  }

  close() {
    const player = this.#player;
    this.#player = null;
    this.#path = "";
    player?.stop();
    this.#section.hidden = true;
    this.#find(".sound").setAttribute("aria-pressed", "false");
  }

  #find(selector) {
    return this.#section.querySelector(selector);
  }

  #show({ state, message, wait }) {
    this.#state = state;
    const said = { connecting: "Connecting …", playing: "", closed: message };
    const seconds = Math.ceil((wait ?? 0) / 1000);
    this.#find(".message").textContent = said[state] ?? `${message} – again in ${seconds} s`;
  }

  #showStats({ width, height, codec, fps, bitrate: bits, lost, dropped, delay }, plots) {
    const texts = {
      size: `${width} × ${height}`,
      codec: codec || "–",
      fps: fps.toFixed(1),
      bitrate: bitrate(bits),
      lost: String(lost),
      dropped: `${dropped} frames`,
      delay: delay === null ? "–" : `${Math.round(delay)} ms`,
    };
    for (const [name, text] of Object.entries(texts)) this.#find(`dd.${name}`).textContent = text;
    plots.fps.add(fps);
    plots.bitrate.add(bits);
  }

  async #toggleSound() {
    const button = this.#find(".sound");
    const isOn = button.getAttribute("aria-pressed") === "true";
    await (isOn ? this.#player?.mute() : this.#player?.unmute());
    button.setAttribute("aria-pressed", String(!isOn));
  }
}
