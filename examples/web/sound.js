import { Decoder } from "./decoder.js";

/** Pieces of sound that wait for the decoder; more of them are left out. */
const WAITING_MAX = 50;

/** By how many seconds a piece may be away from its time before the sound jumps there. */
const DRIFT_MAX = 0.06;

/** The farthest that sound is planned ahead, in seconds. */
const AHEAD_MAX = 2;

/** Decodes sound and has it heard when it is due. */
export class Sound {
  /** Pieces that were planned to be heard. */
  heard = 0;
  #clock;
  #onfail;
  #audio = null;
  #volume = null;
  #decoder = new Decoder(globalThis.AudioDecoder, {
    onoutput: (data) => this.#play(data),
    onfail: (error) => this.#onfail(`this browser does not decode the sound (${this.#decoder.config.codec}): ${error.message}`),
  });
  #next = 0;
  #playing = new Set();

  constructor(clock, { onfail }) {
    this.#clock = clock;
    this.#onfail = onfail;
  }

  /** Has it heard, which browsers allow once the person has clicked or typed something. */
  async unmute() {
    if (!this.#audio) {
      this.#audio = new AudioContext({ latencyHint: "interactive" });
      this.#volume = this.#audio.createGain();
      this.#volume.connect(this.#audio.destination);
    }
    await this.#audio.resume();
  }

  async mute() {
    this.#silence();
    await this.#audio?.suspend();
  }

  get isHeard() {
    return this.#audio?.state === "running";
  }

  /** The volume, from 0 to 1. */
  set volume(volume) {
    if (this.#volume) this.#volume.gain.value = volume;
  }

  /** Pieces have these parameters from here on. */
  configure({ codec, description, size: [sampleRate, channels] }) {
    const config = { codec, sampleRate: sampleRate || 48000, numberOfChannels: channels || 2 };
    if (description.length > 0) config.description = description;
    this.#decoder.configure(config);
  }

  decode(frame) {
    const isReady = this.isHeard && this.#decoder.isReady;
    if (!isReady || this.#decoder.waiting > WAITING_MAX) return;
    this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: Math.round(frame.pts * 1e3), data: frame.bytes }));
  }

  async close() {
    this.#silence();
    this.#decoder.end();
    await this.#audio?.close();
    this.#audio = null;
  }

  #silence() {
    for (const source of this.#playing) source.stop();
    this.#playing.clear();
    this.#next = 0;
  }

  /** Plans a piece right behind the one before, or at its time if that is elsewhere. */
  #play(data) {
    const audio = this.#audio;
    if (this.isHeard) {
      const wanted = audio.currentTime + (this.#clock.due(data.timestamp / 1e3) - performance.now()) / 1e3;
      const at = Math.abs(wanted - this.#next) < DRIFT_MAX ? this.#next : wanted;
      if (at >= audio.currentTime && at < audio.currentTime + AHEAD_MAX) {
        const buffer = audio.createBuffer(data.numberOfChannels, data.numberOfFrames, data.sampleRate);
        for (let planeIndex = 0; planeIndex < data.numberOfChannels; planeIndex += 1) {
          data.copyTo(buffer.getChannelData(planeIndex), { planeIndex, format: "f32-planar" });
        }
        const source = new AudioBufferSourceNode(audio, { buffer });
        source.connect(this.#volume);
        source.onended = () => this.#playing.delete(source);
        this.#playing.add(source);
        source.start(at);
        this.#next = at + buffer.duration;
        this.heard += 1;
      }
    }
    data.close();
  }
}
