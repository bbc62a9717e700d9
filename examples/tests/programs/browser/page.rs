//! The page with streams that browsers cannot play, strange names, and strange addresses.

use serde_json::json;

use super::chromium::Chromium;
use super::{Server, assert_quiet};
use crate::program::Program;

/// Before the scripts of the page: its WebSockets and its requests are written down.
const WATCH: &str = "
    globalThis.sockets = [];
    globalThis.WebSocket = class extends WebSocket {
        constructor(url, ...options) {
            super(url, ...options);
            sockets.push(new URL(url).pathname);
        }
    };
    globalThis.said = [];
    const ask = globalThis.fetch;
    globalThis.fetch = (url, options) => {
        if (url === 'streams') said.push(options.headers.Authorization ?? null);
        return ask(url, options);
    };";

/// Before the scripts of the page: no picture is decoded while `isBlind`.
const BLIND: &str = "
    globalThis.isBlind = true;
    const { configure } = VideoDecoder.prototype;
    const { isConfigSupported } = VideoDecoder;
    VideoDecoder.prototype.configure = function (config) {
        if (isBlind) throw new DOMException('there is no decoder', 'NotSupportedError');
        configure.call(this, config);
    };
    VideoDecoder.isConfigSupported = async (config) =>
        isBlind ? { supported: false } : isConfigSupported.call(VideoDecoder, config);";

/// A browser that has each page run these scripts first.
fn browser(name: &str, scripts: &[&str]) -> Option<Chromium> {
    let mut browser = Chromium::start(name)?;
    for script in scripts {
        let source = format!("{{ {script} }}");
        browser.order("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source }));
    }
    Some(browser)
}

#[test]
fn a_stream_that_cannot_be_played_is_begun_anew_once_it_is_another_one_or_asked_for() {
    let server = Server::start("--no-demo");
    let Some(mut browser) = browser("blind", &[WATCH, BLIND]) else { return };
    let publish = format!("publish {}/yard", server.streams.replace("ws://", "rtsp://"));
    let first = Program::rtspan(&publish);
    browser.open(&format!("{}#yard", server.page));
    let words = "document.querySelector('#view .message').textContent";
    let fault = format!("{words}.startsWith('this browser has no decoder for H.264 (avc1.')");
    // The player has begun, and the picture of the card.
    browser.wait_for(&format!("sockets.length >= 2 && {fault}"));
    browser.value(&format!(
        "globalThis.begun = sockets.length; globalThis.lists = 0; globalThis.words = new Set();
        new MutationObserver(() => words.add({words}))
            .observe(document.querySelector('#view .message'), {{ childList: true }});
        new MutationObserver(() => (lists += 1))
            .observe(document.querySelector('#streams svg path'), {{ attributes: true }});"
    ));
    browser.wait_for("lists >= 4");
    assert_eq!(browser.value("[sockets.length - begun, [...words]]"), json!([0, []]));

    browser.value("document.querySelector('#streams a').click()");
    browser.wait_for(&format!("sockets.length === begun + 1 && words.size >= 1 && {fault}"));
    browser.value("lists = 0");
    browser.wait_for("lists >= 3");
    assert_eq!(browser.value("sockets.length - begun"), 1);

    first.interrupt().well();
    browser.wait_for("!document.querySelector('#empty').hidden");
    assert_eq!(browser.value(&fault), true);
    browser.value("isBlind = false");
    let _second = Program::rtspan(&publish);
    browser.wait_for("parseFloat(document.querySelector('dd.fps').textContent) > 20");
    assert_quiet(&browser);
}

#[test]
fn streams_are_asked_for_by_the_paths_that_they_have() {
    let server = Server::start("--no-demo");
    let Some(mut browser) = browser("names", &[WATCH]) else { return };
    let at = server.streams.replace("ws://", "rtsp://");
    let names = ["my%20cam", "cam:1", "hof/T\u{fc}r", "100%"];
    let _publishers: Vec<_> =
        names.iter().map(|name| Program::rtspan(&format!("publish {at}/{name}"))).collect();
    browser.open(&server.page);
    browser.wait_for("document.querySelectorAll('#streams li').length === 4");
    let pictures = "[...document.querySelectorAll('#streams canvas')].every(({ width }) => width === 640)";
    browser.wait_for(pictures);
    let asked = browser.value("[...new Set(sockets)].sort()");
    assert_eq!(asked, json!(["/100%", "/cam:1", "/hof/T%C3%BCr", "/my%20cam"]));
    for name in names {
        browser.value(&format!(
            "[...document.querySelectorAll('#streams a')]
                .find((card) => card.querySelector('strong').textContent === '{name}').click()"
        ));
        browser.wait_for(&format!("document.querySelector('#view h2').textContent === '{name}'"));
        browser.wait_for("document.querySelector('#view canvas').width === 640");
    }
    assert_quiet(&browser);
}

#[test]
fn an_address_with_a_lone_percent_sign_opens_the_page_and_no_token_stays_in_it() {
    let server = Server::start("");
    let Some(mut browser) = browser("percent", &[WATCH]) else { return };
    browser.open(&format!("{}#100%", server.page));
    let is_listed = "document.querySelector('#streams strong')?.textContent === 'demo'";
    browser.wait_for(is_listed);
    // Figures come, and so do lists.
    browser.wait_for("document.querySelector('#streams svg path').getAttribute('d').split('L').length > 3");
    assert_eq!(browser.value("document.querySelector('#notice').textContent"), "");
    assert_quiet(&browser);

    browser.open("about:blank");
    browser.open(&format!("{}#token=a%", server.page));
    browser.wait_for("document.querySelector('#signin .error').textContent === 'The token is wrong.'");
    browser.wait_for(is_listed);
    assert_eq!(browser.value("location.href"), format!("{}#", server.page));
    assert_eq!(browser.value("said[0]"), "Bearer a%");
}

#[test]
fn a_page_in_the_clear_sends_no_token() {
    let server = Server::start("--user viewer:horse:read:/demo");
    let Some(mut browser) = browser("clear", &[WATCH]) else { return };
    let page = server.page.replace("127.0.0.1", "page.test");
    browser.open(&format!("{page}#demo&token=0123456789abcdef"));
    let words = "document.querySelector('#signin .error').textContent";
    browser.wait_for(&format!("{words} === 'A token is taken over https only.'"));
    browser.wait_for("!document.querySelector('#account').hidden");
    assert_eq!(browser.value("[location.hash, [...new Set(said)]]"), json!(["#demo", [null]]));
    assert_quiet(&browser);
}
