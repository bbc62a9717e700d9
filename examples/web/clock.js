/** How long after the earliest possible moment something is shown, in milliseconds: the jitter of a network hides in it. */
const DELAY = 80;

/** How long the earliest arrivals are looked for before the clock follows them, in milliseconds. */
const WINDOW = 3000;

/**
 * Says when a frame is due: one clock for pictures and sound keeps them together.
 *
 * A live stream has no other clock than the arrival of its frames. The frame that came earliest for its time tells where the
 * stream is; those that come later have met with jitter. As clocks drift, that earliest one is looked for again and again.
 */
export class Clock {
  #offset = NaN;
  #earliest = Infinity;
  #windowEnds = 0;

  /**
   * Takes note that a frame has come at `now` that is to be decoded at `dts`, both in milliseconds. Frames come in the order in which they
   * are decoded, so that one that is shown before another may come after it.
   */
  arrived(dts, now) {
    const offset = now - dts;
    if (Number.isNaN(this.#offset) || offset < this.#offset) this.#offset = offset;
    this.#earliest = Math.min(this.#earliest, offset);
    if (now >= this.#windowEnds) {
      if (this.#windowEnds > 0) this.#offset = this.#earliest;
      this.#earliest = Infinity;
      this.#windowEnds = now + WINDOW;
    }
  }

  /** When the frame of time `pts` is to be shown or heard. */
  due(pts) {
    return pts + this.#offset + DELAY;
  }

  /** Forgets the stream: another one, or another time, begins. */
  reset() {
    this.#offset = NaN;
    this.#earliest = Infinity;
    this.#windowEnds = 0;
  }
}
