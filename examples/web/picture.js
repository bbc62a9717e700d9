import { Decoder } from "./decoder.js";

/** Frames that wait for the decoder. With more of them it is too slow, and goes on at the next keyframe. */
const WAITING_MAX = 30;

/** Pictures that are decoded and not yet due. Decoders have few of them to lend. */
const PICTURES_MAX = 6;

/** The formats as people call them, by the beginning of what WebCodecs call them. */
const NAMES = { avc1: "H.264", hvc1: "H.265", hev1: "H.265", av01: "AV1", vp09: "VP9", vp8: "VP8" };

function nameOf(codec) {
  return NAMES[codec.split(".")[0]] ?? "its pictures";
}

/** Decodes pictures and draws them on a canvas when they are due. */
export class Picture {
  /** Pictures that were drawn, and frames that were left out. */
  drawn = 0;
  dropped = 0;
  #canvas;
  #context;
  #clock;
  #ondraw;
  #onfail;
  #decoder = new Decoder(globalThis.VideoDecoder, {
    onbegin: () => this.beginAnew(),
    onoutput: (picture) => this.#take(picture),
    onfail: (error) => this.#giveUp(error),
  });
  #awaitsKey = true;
  #pictures = [];
  #drawing = 0;

  constructor(canvas, clock, { ondraw, onfail }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false, desynchronized: true });
    this.#clock = clock;
    this.#ondraw = ondraw;
    this.#onfail = onfail;
  }

  /** The codec, as WebCodecs names it. */
  get codec() {
    return this.#decoder.config?.codec ?? "";
  }

  /** Frames have these parameters from here on. */
  configure({ codec, description, size: [codedWidth, codedHeight] }) {
    const config = { codec, optimizeForLatency: true };
    if (description.length > 0) config.description = description;
    if (codedWidth > 0 && codedHeight > 0) Object.assign(config, { codedWidth, codedHeight });
    this.#decoder.configure(config);
  }

  decode(frame) {
    const isBehind = this.#decoder.waiting > WAITING_MAX;
    if (!frame.isKey && (isBehind || frame.isDamaged)) this.#awaitsKey = true;
    if (!this.#decoder.isReady || (this.#awaitsKey && !frame.isKey) || isBehind) {
      this.dropped += 1;
      return;
    }
    this.#awaitsKey = false;
    const type = frame.isKey ? "key" : "delta";
    this.#decoder.decode(new EncodedVideoChunk({ type, timestamp: Math.round(frame.pts * 1e3), data: frame.bytes }));
  }

  /** Waits for the next keyframe, such as behind a gap. */
  beginAnew() {
    this.#awaitsKey = true;
  }

  close() {
    cancelAnimationFrame(this.#drawing);
    for (const picture of this.#pictures.splice(0)) picture.close();
    this.#decoder.end();
  }

  /** Says that it is the format that the browser does not know, or else the stream. */
  async #giveUp(error) {
    const name = `${nameOf(this.codec)} (${this.codec})`;
    const { supported } = await VideoDecoder.isConfigSupported(this.#decoder.config).catch(() => ({ supported: false }));
    this.#onfail(supported ? `${name} cannot be decoded: ${error.message}` : `this browser has no decoder for ${name}`);
  }

  #take(picture) {
    this.#pictures.push(picture);
    if (this.#pictures.length > PICTURES_MAX) {
      this.#pictures.shift().close();
      this.dropped += 1;
    }
    this.#drawSoon();
  }

  #drawSoon() {
    this.#drawing ||= requestAnimationFrame((now) => {
      this.#drawing = 0;
      this.#draw(now);
    });
  }

  /** Draws the newest picture that is due, and leaves out those before it. */
  #draw(now) {
    const isDue = (picture) => this.#clock.due(picture.timestamp / 1e3) <= now;
    const due = this.#pictures.filter(isDue).length;
    for (const picture of this.#pictures.splice(0, Math.max(due - 1, 0))) {
      picture.close();
      this.dropped += 1;
    }
    if (due > 0) this.#show(this.#pictures.shift());
    if (this.#pictures.length > 0) this.#drawSoon();
  }

  #show(picture) {
    const { displayWidth: width, displayHeight: height } = picture;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      Object.assign(this.#canvas, { width, height });
    }
    this.#context.drawImage(picture, 0, 0, width, height);
    const pts = picture.timestamp / 1e3;
    picture.close();
    this.drawn += 1;
    this.#ondraw(pts);
  }
}
