//! A page over TLS, and visitors with a token.

use std::fs;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::PublicKeyData;
use rtspan_std::Fingerprint;
use serde_json::json;

use super::chromium::Chromium;
use super::{SCRIPT, Server, assert_quiet};

/// A server whose users have tokens, and whose page and streams are over TLS only; a browser that trusts its certificate.
fn with_tokens() -> Option<(Server, Chromium)> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-tokens");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("chain.pem"), made.cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let config = folder.join("rtspan.toml");
    let text = "demo = true\n[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"\nrequired = true\n\
        [[users]]\nname = \"wall\"\ntoken = \"0123456789abcdef\"\nread = [\"demo\"]\n\
        [[users]]\nname = \"other\"\ntoken = \"fedcba9876543210\"\nread = [\"else\"]\n";
    fs::write(&config, text).unwrap();
    let key = Fingerprint::of(&made.signing_key.subject_public_key_info());
    let browser = Chromium::start_trusting("tokens", &BASE64_STANDARD.encode(key.as_bytes()))?;
    let mut server = Server::start(&format!("--config {}", config.display()));
    server.streams = server.streams.replace("ws://", "wss://");
    Some((server, browser))
}

#[test]
fn a_page_over_tls_shows_and_plays_what_a_token_gives_the_right_to_and_nothing_else() {
    let Some((server, mut browser)) = with_tokens() else { return };
    assert!(server.page.starts_with("https://"), "{}", server.page);
    for (token, is_right) in [("0123456789abcdee", false), ("fedcba9876543210", true)] {
        // It is sent on to where the page is over TLS.
        let page = server.page.replace("https://", "http://");
        browser.open(&format!("{page}#demo&token={token}"));
        let seen = match is_right {
            true => "document.querySelector('#account').textContent === 'Sign out other'",
            false => "document.querySelector('#signin .error').textContent === 'The token is wrong.'",
        };
        browser.wait_for(seen);
        assert_eq!(browser.value("[location.protocol, location.hash]"), json!(["https:", "#demo"]));
        assert_eq!(browser.value("document.querySelectorAll('#streams li').length"), 0, "{token}");
        assert_eq!(browser.value("document.body.innerText.includes('demo')"), false, "{token}");
        browser.value(SCRIPT);
        browser.value(&format!("play({{ url: '{}/demo', token: '{token}' }})", server.streams));
        browser.wait_for("players[0].states.at(-1)?.state === 'closed'");
        let status = if is_right { 403 } else { 401 };
        let ended = browser.value("[players[0].states.at(-1).status, players[0].frames.length]");
        assert_eq!(ended, json!([status, 0]), "{token}");
        browser.open("about:blank");
    }
    // Where it is typed.
    browser.open(&server.page);
    browser.wait_for("!document.querySelector('#account').hidden");
    for (token, seen) in [
        (
            "0123456789abcdee",
            "document.querySelector('#signin .error').textContent === 'The token is wrong.'",
        ),
        ("0123456789abcdef", "document.querySelector('#account').textContent === 'Sign out wall'"),
    ] {
        browser.value("document.querySelector('#signin').open || document.querySelector('#account').click()");
        browser.value(&format!(
            "form = document.querySelector('#signin form'); form.elements.token.value = '{token}'; \
             form.dispatchEvent(new Event('input')); form.requestSubmit()"
        ));
        browser.wait_for(seen);
    }
    browser.wait_for("document.querySelector('#streams strong')?.textContent === 'demo'");
    assert_eq!(
        browser.value("[...form.elements].map(field => field.value).join('')"),
        "",
        "it stands nowhere"
    );
    browser.open("about:blank");
    browser.take_complaints();
    browser.open(&format!("{}#token=0123456789abcdef", server.page));
    browser.wait_for("document.querySelector('#streams strong')?.textContent === 'demo'");
    browser.wait_for("document.querySelector('#streams canvas')?.width === 640");
    assert_eq!(browser.value("location.href"), format!("{}#", server.page), "the token stands nowhere");
    browser.value("location.hash = '#demo'");
    browser.wait_for("parseFloat(document.querySelector('dd.fps').textContent) > 20");
    browser.value(SCRIPT);
    browser.value(&format!("play({{ url: '{}/demo', token: '0123456789abcdef' }})", server.streams));
    browser.wait_for("players[0].frames.length > 10");
    assert_quiet(&browser);
}
