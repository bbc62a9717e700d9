/**
 * rtspan-core as a WebAssembly module: bytes and time go in; bytes, deadlines and frames come out.
 *
 * Its functions are those of `wasm/src/abi.rs`. Times are milliseconds of `performance.now()`.
 */

/** The most bytes that are handed over at once, as `INPUT_BYTES_MAX` has it. */
const INPUT_MAX = 256 << 10;

const SEED_BYTES = 32;

/** The outputs of `player_poll`, by their number. */
const KINDS = ["none", "connect", "disconnect", "send", "track", "frame", "playing", "reconnecting", "closed"];

let compiled;

/** Compiles the module, once for all players of a page. After a failure it is loaded again. */
function compile(url) {
  compiled ??= unpack(url).then(WebAssembly.compileStreaming).catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

/** The module, which is kept packed. */
async function unpack(url) {
  const packed = await fetch(url);
  if (!packed.ok) throw new Error(`${url} cannot be loaded: ${packed.status}`);
  const headers = { "Content-Type": "application/wasm" };
  return new Response(packed.body.pipeThrough(new DecompressionStream("gzip")), { headers });
}

export class Core {
  #wasm;

  constructor(wasm) {
    this.#wasm = wasm;
  }

  /** An instance of the module, for one player. */
  static async load(url = new URL("rtspan.wasm.gz", import.meta.url)) {
    const instance = await WebAssembly.instantiate(await compile(url), {});
    return new Core(instance.exports);
  }

  /** Begins to play, with a token if it is not empty. Throws if the URL is none of RTSP. */
  open(url, token, hasSound) {
    const seed = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
    const text = new TextEncoder().encode(`${url}\n${token}`);
    const input = new Uint8Array(seed.length + text.length);
    input.set(seed);
    input.set(text, seed.length);
    if (!this.#put(input) || !this.#wasm.player_open(performance.now(), Date.now(), hasSound)) {
      throw new Error(this.#text() || "the URL is too long");
    }
  }

  /** The WebSocket is open. */
  connected() {
    this.#wasm.player_connected(performance.now());
  }

  /** The WebSocket has closed, or could not be opened. */
  closed() {
    this.#wasm.player_closed(performance.now());
  }

  /** Takes the bytes of a message, and hands over what comes of each piece. */
  read(bytes, take) {
    for (let at = 0; at < bytes.length; at += INPUT_MAX) {
      this.#put(bytes.subarray(at, at + INPUT_MAX));
      this.#wasm.player_read(performance.now());
      take();
    }
  }

  /** Ends the session with the server. */
  stop() {
    this.#wasm.player_stop(performance.now());
  }

  /** When `handleTimeout` is to be called; `Infinity` if never. */
  get timeout() {
    return this.#wasm.player_timeout();
  }

  handleTimeout() {
    this.#wasm.player_handle_timeout(performance.now());
  }

  /** The next thing to be done, or `null`. Its bytes are a copy. */
  poll() {
    const kind = KINDS[this.#wasm.player_poll(performance.now())];
    switch (kind) {
      case "none":
        return null;
      case "connect":
        return { kind, url: this.#text() };
      case "send":
        return { kind, bytes: this.#bytes() };
      case "track": {
        const [media, isVideo, first, second] = this.#numbers(4);
        return { kind, media, isVideo: isVideo === 1, codec: this.#text(), description: this.#bytes(), size: [first, second] };
      }
      case "frame": {
        const [media, pts, dts, isKey, isDamaged, beginsAnew, wall] = this.#numbers(7);
        const flags = { isKey: isKey === 1, isDamaged: isDamaged === 1, beginsAnew: beginsAnew === 1 };
        return { kind, media, pts, dts, wall, ...flags, bytes: this.#bytes() };
      }
      case "reconnecting":
        return { kind, message: this.#text(), wait: this.#wasm.player_number(0) };
      case "closed":
        return { kind, message: this.#text(), status: this.#wasm.player_number(0) };
      default:
        return { kind };
    }
  }

  /** The counts so far. */
  stats() {
    this.#wasm.player_stats(performance.now());
    const [bytes, packets, lost, damaged, reconnects] = this.#numbers(5);
    return { bytes, packets, lost, damaged, reconnects };
  }

  #put(bytes) {
    const at = this.#wasm.player_input(bytes.length);
    if (at === 0) return false;
    new Uint8Array(this.#wasm.memory.buffer, at, bytes.length).set(bytes);
    return true;
  }

  #numbers(count) {
    return Array.from({ length: count }, (_, index) => this.#wasm.player_number(index));
  }

  #text() {
    const text = new Uint8Array(this.#wasm.memory.buffer, this.#wasm.player_text(), this.#wasm.player_text_len());
    return new TextDecoder().decode(text);
  }

  #bytes() {
    return new Uint8Array(this.#wasm.memory.buffer, this.#wasm.player_bytes(), this.#wasm.player_bytes_len()).slice();
  }
}
