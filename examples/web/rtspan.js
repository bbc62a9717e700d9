/**
 * Plays RTSP in a web page, with less than a second of delay: RTSP over a WebSocket, pictures and sound by WebCodecs.
 *
 *     import { Player } from "./rtspan.js";
 *
 *     const player = new Player({
 *       url: "ws://192.0.2.7:8554/door",
 *       username: "viewer",
 *       password: "secret",
 *       video: document.querySelector("canvas"),
 *       onstate: ({ state, message }) => console.log(state, message),
 *       onstats: ({ fps, bitrate, lost }) => console.log(fps, bitrate, lost),
 *     });
 *     button.onclick = () => player.unmute();
 *     // and in the end
 *     player.stop();
 *
 * Options:
 *
 * - `url`: where the stream is, `ws://` or `wss://`. `rtspan serve` has it at the port and path of RTSP; a camera by ONVIF's
 *   Streaming Specification may have a path of its own.
 * - `username`, `password`: for Digest or Basic. They are never sent to another server.
 * - `token`: in their place, for servers that ask for one (Bearer, RFC 6750). It is sent over `wss://` only, to no other server, and stands in
 *   no URL.
 * - `video`: a canvas, or an element that gets one.
 * - `sound`: `false` leaves the sound at the server. It is not heard before `unmute()`.
 * - `onstate({ state, message, status, wait })`: `connecting`, `playing`; `waiting` when the stream was lost and is tried again in
 *   `wait` milliseconds; `closed` when it is over, with the status of RTSP (401: credentials, 404: no such stream) or 0.
 * - `onstats({ width, height, codec, fps, bitrate, lost, dropped, damaged, reconnects, heard, delay })`: once a second. `bitrate` is in
 *   bit/s; `lost` and `damaged` are of the network, `dropped` are frames that were left out here, `heard` counts pieces of sound; `delay`
 *   is in milliseconds by the wall clocks of server and browser, `null` if the server does not tell its own.
 * - `onframe({ pts, canvas })`: a picture was drawn; `pts` is its time in milliseconds.
 *
 * A lost stream is tried again with growing pauses until `stop()`, which frees all. All queues are bounded: who is too slow
 * goes on at the next keyframe. `docs/browser.md` tells more.
 */

import { Clock } from "./clock.js";
import { Core } from "./core.js";
import { Picture } from "./picture.js";
import { Sound } from "./sound.js";

const SUBPROTOCOL = "rtsp.onvif.org";

/** Bytes that wait in the socket. A player sends next to nothing, so that with more of them nobody reads. */
const UNSENT_MAX = 256 << 10;

/** The longest that a timer of a browser takes, in milliseconds. */
const TIMER_MAX = 0x7fffffff;

const STATS_EVERY = 1000;

/** How long the server may take to answer TEARDOWN, in milliseconds. */
const GOODBYE = 1000;

export class Player {
  #options;
  #canvas;
  #clock = new Clock();
  #picture;
  #sound;
  #core = null;
  #socket = null;
  #tracks = new Map();
  #timer = 0;
  #statsTimer = 0;
  #goodbyeTimer = 0;
  #before = { at: 0, bytes: 0, drawn: 0 };
  #wall = null;
  #delay = null;
  #isOver = false;

  constructor(options) {
    this.#options = options;
    const { video } = options;
    this.#canvas = video instanceof HTMLCanvasElement ? video : video.appendChild(document.createElement("canvas"));
    const onfail = (message) => this.#end({ state: "closed", message, status: 0 });
    this.#picture = new Picture(this.#canvas, this.#clock, { ondraw: (pts) => this.#drawn(pts), onfail });
    // Pictures without their sound are better than nothing.
    this.#sound = new Sound(this.#clock, { onfail: (message) => console.warn(message) });
    this.#begin().catch((error) => onfail(error.message));
  }

  /** Has the sound heard. Browsers allow it while they handle a click or a key. */
  unmute() {
    return this.#sound.unmute();
  }

  mute() {
    return this.#sound.mute();
  }

  set volume(volume) {
    this.#sound.volume = volume;
  }

  /** Ends the session with the server, and frees the decoders, the socket and the timers. */
  stop() {
    this.#end({ state: "closed", message: "stopped", status: 0 });
  }

  async #begin() {
    if (!globalThis.VideoDecoder) {
      throw new Error("this browser has no WebCodecs here: they need a page of https or of localhost, and a browser of 2024 or later");
    }
    const { url, username, password, token = "", sound = true } = this.#options;
    const core = await Core.load();
    if (this.#isOver) return;
    core.open(withCredentials(url, username, password), token, sound);
    this.#core = core;
    this.#statsTimer = setInterval(() => this.#tellStats(), STATS_EVERY);
    this.#tell({ state: "connecting", message: "" });
    this.#pump();
  }

  /** Does all that the core wants done, and wakes it up when it says so. */
  #pump() {
    for (let output; (output = this.#core?.poll()); ) this.#handle(output);
    clearTimeout(this.#timer);
    if (this.#core === null || this.#core.timeout === Infinity) return;
    const wait = Math.max(Math.ceil(this.#core.timeout - performance.now()), 0);
    this.#timer = setTimeout(() => {
      this.#core.handleTimeout();
      this.#pump();
    }, Math.min(wait, TIMER_MAX));
  }

  #handle(output) {
    if (this.#isOver && output.kind !== "send" && output.kind !== "disconnect") return;
    switch (output.kind) {
      case "connect":
        return this.#connect(output.url);
      case "disconnect":
        return this.#disconnect();
      case "send":
        return this.#send(output.bytes);
      case "track":
        this.#tracks.set(output.media, output.isVideo ? this.#picture : this.#sound);
        return this.#tracks.get(output.media).configure(output);
      case "frame":
        return this.#take(output);
      case "playing":
        return this.#tell({ state: "playing", message: "" });
      case "reconnecting":
        return this.#tell({ state: "waiting", message: output.message, wait: output.wait });
      case "closed":
        return this.#end({ state: "closed", message: output.message, status: output.status });
    }
  }

  #connect(url) {
    const socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = "arraybuffer";
    const isCurrent = () => socket === this.#socket;
    socket.onopen = () => {
      if (!isCurrent()) return;
      this.#core.connected();
      this.#pump();
    };
    socket.onmessage = ({ data }) => {
      if (isCurrent() && data instanceof ArrayBuffer) this.#core.read(new Uint8Array(data), () => this.#pump());
    };
    socket.onclose = () => {
      if (!isCurrent()) return;
      this.#socket = null;
      this.#core.closed();
      this.#pump();
      if (this.#isOver) this.#free();
    };
    this.#socket = socket;
  }

  #disconnect() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.#isOver) this.#free();
  }

  #send(bytes) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#socket.bufferedAmount > UNSENT_MAX) this.#socket.close();
    else this.#socket.send(bytes);
  }

  #take(frame) {
    const decoder = this.#tracks.get(frame.media);
    if (frame.beginsAnew) {
      this.#clock.reset();
      if (decoder === this.#picture) this.#picture.beginAnew();
    }
    this.#clock.arrived(frame.dts, performance.now());
    if (decoder === this.#picture && !Number.isNaN(frame.wall)) this.#wall = frame.wall - frame.pts;
    decoder?.decode(frame);
  }

  #drawn(pts) {
    this.#delay = this.#wall === null ? null : Date.now() - (pts + this.#wall);
    this.#options.onframe?.({ pts, canvas: this.#canvas });
  }

  #tellStats() {
    const { bytes, lost, damaged, reconnects } = this.#core.stats();
    const { drawn, dropped, codec } = this.#picture;
    const [now, before] = [performance.now(), this.#before];
    const seconds = (now - before.at) / 1e3;
    this.#before = { at: now, bytes, drawn };
    if (before.at === 0) return;
    const { width, height } = this.#canvas;
    const rates = { fps: (drawn - before.drawn) / seconds, bitrate: ((bytes - before.bytes) * 8) / seconds };
    const counts = { lost, dropped, damaged, reconnects, heard: this.#sound.heard };
    this.#options.onstats?.({ width, height, codec, ...rates, ...counts, delay: this.#delay });
  }

  #tell(state) {
    this.#options.onstate?.(state);
  }

  /** Shows nothing from here on, says goodbye to the server, and waits a moment for its answer. */
  #end(state) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#statsTimer);
    this.#picture.close();
    this.#sound.close();
    this.#tell(state);
    if (this.#socket === null) return this.#free();
    this.#goodbyeTimer = setTimeout(() => this.#disconnect(), GOODBYE);
    this.#core.stop();
    this.#pump();
  }

  #free() {
    clearTimeout(this.#timer);
    clearTimeout(this.#goodbyeTimer);
    this.#core = null;
  }
}

/** The URL as the core reads it. */
function withCredentials(url, username, password) {
  const [, scheme, rest] = /^(wss?):\/\/(.*)$/.exec(url) ?? [];
  if (!scheme) throw new Error(`a URL of ws:// or wss:// is needed, and not ${url}`);
  const user = username ? `${encodeURIComponent(username)}:${encodeURIComponent(password ?? "")}@` : "";
  return `rtsp+${scheme}://${user}${rest}`;
}
