/** How long is waited before the list is asked for again, and after a failure, in milliseconds. */
const EVERY = 1000;
const AFTER_FAILURE = 5000;

/** The list of streams as the server sends it: as events, or asked for again and again where too many follow it already. */
export class Feed {
  #onlist;
  #onfail;
  #abort = new AbortController();

  constructor({ onlist, onfail }) {
    this.#onlist = onlist;
    this.#onfail = onfail;
  }

  /** Begins anew, with these headers. */
  async start(headers) {
    this.stop();
    const { signal } = (this.#abort = new AbortController());
    while (!signal.aborted) {
      const wait = await this.#follow(headers, signal).catch((error) => {
        if (!signal.aborted) this.#onfail(error);
        return AFTER_FAILURE;
      });
      await new Promise((done) => setTimeout(done, wait));
    }
  }

  stop() {
    this.#abort.abort();
  }

  /** Hands over the lists that come, and says how long is waited for more. */
  async #follow(headers, signal) {
    const Accept = "text/event-stream, application/json";
    const answer = await fetch("streams", { headers: { ...headers, Accept }, signal });
    if (answer.headers.get("Content-Type") === "text/event-stream") {
      for await (const event of events(answer.body)) {
        if (signal.aborted) return 0;
        this.#onlist(JSON.parse(event));
      }
      return EVERY;
    }
    const body = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(body.message), { kind: body.error });
    if (!signal.aborted) this.#onlist(body);
    return EVERY;
  }
}

/** The data of each event of a body (Server-Sent Events, which browsers read by themselves only without headers). */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let read; !(read = await reader.read()).done; ) {
    const texts = (rest + read.value).split("\n\n");
    rest = texts.pop();
    for (const text of texts) {
      if (text.startsWith("data: ")) yield text.slice("data: ".length);
    }
  }
}
