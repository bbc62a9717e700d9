/** Failures in a row after which a decoder is given up. */
const FAILURES_MAX = 5;

/** A decoder of WebCodecs that begins anew where it fails: one bad frame closes the browser's own. */
export class Decoder {
  #kind;
  #onbegin;
  #onoutput;
  #onfail;
  #decoder = null;
  #config = null;
  #failures = 0;

  /** `kind` is `VideoDecoder` or `AudioDecoder`. It says each time when it begins, and once when it is given up. */
  constructor(kind, { onbegin = () => {}, onoutput, onfail }) {
    this.#kind = kind;
    this.#onbegin = onbegin;
    this.#onoutput = onoutput;
    this.#onfail = onfail;
  }

  /** The configuration as WebCodecs has it, once there is one. */
  get config() {
    return this.#config;
  }

  /** It takes frames. */
  get isReady() {
    return this.#decoder?.state === "configured";
  }

  /** The frames that wait for it. */
  get waiting() {
    return this.#decoder?.decodeQueueSize ?? 0;
  }

  /** Frames have this configuration from here on. */
  configure(config) {
    this.#config = config;
    this.#failures = 0;
    this.#begin();
  }

  decode(chunk) {
    this.#decoder.decode(chunk);
  }

  end() {
    if (this.#decoder && this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = null;
  }

  #begin() {
    this.end();
    this.#onbegin();
    const decoder = new this.#kind({
      output: (decoded) => {
        this.#failures = 0;
        this.#onoutput(decoded);
      },
      error: (error) => decoder === this.#decoder && this.#fail(error),
    });
    this.#decoder = decoder;
    try {
      decoder.configure(this.#config);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    this.#failures += 1;
    if (this.#failures < FAILURES_MAX) return this.#begin();
    this.end();
    this.#onfail(error);
  }
}
