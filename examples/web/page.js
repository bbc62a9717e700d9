/** The page of `rtspan serve --web`: a list of the streams that its visitor may read, and a player. */

import { Cards } from "./cards.js";
import { Feed } from "./feed.js";
import { View } from "./view.js";

const find = (selector) => document.querySelector(selector);

/** User and password, or a token. They are kept for as long as the page is open, and nowhere else. */
let visitor = null;
let port = 0;

/** What a player needs to play the stream at a path. */
function source(path) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return { url: `${scheme}://${location.hostname}:${port}/${encoded(path)}`, ...visitor };
}

/** A path as URLs have it. What is encoded already stays as it is. */
function encoded(path) {
  return encodeURI(path).replaceAll("%25", "%").replace(/[?#]/g, encodeURIComponent);
}

const cards = new Cards(find("#streams"), find("#card"), source);
const view = new View(find("#view"), source);

const feed = new Feed({ onlist: show, onfail: fail });

/** What the visitor says to be let in. */
function credentials() {
  if (visitor === null) return {};
  const { username, password, token } = visitor;
  const said = token === undefined ? `Rtspan ${encodeURIComponent(username)}:${encodeURIComponent(password)}` : `Bearer ${token}`;
  return { Authorization: said };
}

function show(list) {
  port = list.port;
  cards.show(list.streams);
  find("#notice").textContent = "";
  find("#empty").hidden = list.streams.length > 0;
  find("#account").hidden = !list.has_users;
  find("#account").textContent = list.user === null ? "Sign in" : `Sign out ${list.user}`;
  view.follow(chosen(), list.streams);
}

function fail(error) {
  if (error.kind === "credentials") signOut(error.message);
  else find("#notice").textContent = error.kind ? error.message : "The server does not answer.";
}

/** Begins anew, for another visitor or one that is back. */
function update() {
  view.forget();
  feed.start(credentials());
}

/** Takes a token out of the address (`#token=…`, `#path&token=…`), which is in no history and no log. */
function takeToken() {
  const parts = location.hash.slice(1).split("&");
  const token = parts.find((part) => part.startsWith("token="));
  if (token === undefined) return false;
  history.replaceState(null, "", `#${parts.filter((part) => part !== token).join("&")}`);
  // On a page in the clear, anybody on the way could read it.
  if (!isSecureContext) {
    askForVisitor("A token is taken over https only.");
    return false;
  }
  visitor = { token: decoded(token.slice("token=".length)) };
  return true;
}

/** A part of the address without its encoding. One that is not encoded well stands for itself. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The path that the address of the page names; empty if none. */
function chosen() {
  return decoded(location.hash.slice(1));
}

function signOut(message) {
  visitor = null;
  view.close();
  cards.show([]);
  update();
  if (message) askForVisitor(message);
}

function askForVisitor(message) {
  find("#signin .error").textContent = message;
  if (!find("#signin").open) find("#signin").showModal();
}

// Servers take tokens over TLS only.
find("#signin .token").hidden = location.protocol !== "https:";
find("#signin form").addEventListener("input", ({ currentTarget: { elements } }) => {
  elements.username.required = elements.token.value === "";
});
find("#signin form").addEventListener("submit", ({ target }) => {
  const { token, ...user } = Object.fromEntries(new FormData(target));
  visitor = token === "" ? user : { token };
  target.reset();
  target.elements.username.required = true;
  update();
});
find("#signin .cancel").addEventListener("click", () => find("#signin").close());
find("#account").addEventListener("click", () => {
  if (visitor === null) return askForVisitor("");
  signOut("");
});
// A click on another card changes the address.
find("#streams").addEventListener("click", ({ target }) => {
  if (target.closest("a")?.hash === location.hash) view.again();
});
addEventListener("hashchange", () => {
  if (takeToken()) update();
  cards.mark(chosen());
  view.play(chosen());
});
addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && chosen() !== "" && !find("#signin").open) location.hash = "";
});
document.addEventListener("visibilitychange", () => (document.hidden ? feed.stop() : update()));
takeToken();
if (!document.hidden) update();
