import { Plot, bitrate } from "./plot.js";
import { Player } from "./rtspan.js";

/** Pictures that are fetched at a time, and how old one may become, in milliseconds. */
const AT_ONCE = 2;
const AGE_MAX = 30000;

/** How long a picture is waited for, in milliseconds. */
const PATIENCE = 10000;

/** The streams as cards: a picture of each that is in sight, and its figures. */
export class Cards {
  #list;
  #template;
  #source;
  #cards = new Map();
  #fetching = 0;
  #sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) target.dataset.seen = isIntersecting ? "yes" : "";
  });

  /** `source` gives the options of a player for a path. */
  constructor(list, template, source) {
    this.#list = list;
    this.#template = template;
    this.#source = source;
  }

  /** Shows these streams and no others. */
  show(streams) {
    const paths = new Set(streams.map(({ path }) => path));
    for (const [path, card] of this.#cards) {
      if (!paths.has(path)) this.#remove(path, card);
    }
    for (const stream of streams) {
      const card = this.#cards.get(stream.path) ?? this.#add(stream.path);
      card.find(".formats").textContent = stream.formats.join(", ");
      card.find(".bitrate").textContent = bitrate(stream.bitrate);
      card.find(".readers").textContent = stream.readers === 1 ? "1 reader" : `${stream.readers} readers`;
      card.find(".lost").textContent = stream.lost ? `${stream.lost} packets lost` : "";
      card.plot.add(stream.bitrate ?? 0);
    }
    this.#fetchPictures();
  }

  /** Marks the card of the stream that plays. */
  mark(path) {
    for (const [own, card] of this.#cards) card.find("a").toggleAttribute("aria-current", own === path);
  }

  #add(path) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const find = (selector) => item.querySelector(selector);
    find("a").href = `#${encodeURIComponent(path)}`;
    find("strong").textContent = path;
    const card = { item, find, plot: new Plot(find("svg")), picturedAt: -Infinity, player: null };
    this.#cards.set(path, card);
    this.#list.append(item);
    this.#sight.observe(item);
    return card;
  }

  #remove(path, card) {
    card.player?.stop();
    this.#sight.unobserve(card.item);
    card.item.remove();
    this.#cards.delete(path);
  }

  #fetchPictures() {
    for (const [path, card] of this.#cards) {
      const isDue = card.item.dataset.seen && performance.now() - card.picturedAt > AGE_MAX;
      if (isDue && card.player === null && this.#fetching < AT_ONCE) this.#fetchPicture(path, card);
    }
  }

  /** Plays until there is a picture. */
  #fetchPicture(path, card) {
    card.picturedAt = performance.now();
    this.#fetching += 1;
    const player = new Player({
      ...this.#source(path),
      sound: false,
      video: card.find("canvas"),
      onframe: () => player.stop(),
      onstate: ({ state }) => {
        if (state === "waiting") player.stop();
        if (state !== "closed") return;
        clearTimeout(patience);
        card.player = null;
        this.#fetching -= 1;
      },
    });
    const patience = setTimeout(() => player.stop(), PATIENCE);
    card.player = player;
  }
}
