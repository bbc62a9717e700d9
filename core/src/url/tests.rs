use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

#[test]
fn the_parts_of_a_url_are_read() {
    for (text, host, port, path, query) in [
        ("rtsp://h", "h", 554, "/", None),
        ("rtsp://h/", "h", 554, "/", None),
        ("rtsps://h", "h", 322, "/", None),
        ("RTSP://h/Path", "h", 554, "/Path", None),
        ("rtsp://h:8554/a?b=c", "h", 8554, "/a", Some("b=c")),
        ("rtsp://h:/a", "h", 554, "/a", None),
        ("rtsp://192.168.1.99:554?testing", "192.168.1.99", 554, "/", Some("testing")),
        ("rtsp://h/a?b?c", "h", 554, "/a", Some("b?c")),
        ("rtsp://[::1]", "::1", 554, "/", None),
        ("rtsp://[::1]:65535/x", "::1", 65535, "/x", None),
        (
            "rtsp://u:pa%23ss@[fe80::a8f4:3219:f33e:a072%wl0]:8554/prox%23ied",
            "fe80::a8f4:3219:f33e:a072%wl0",
            8554,
            "/prox%23ied",
            None,
        ),
        ("rtsp://[fe80::1%25eth0]/x", "fe80::1%eth0", 554, "/x", None),
        ("rtsp://[fe80::1%25]/x", "fe80::1%25", 554, "/x", None),
    ] {
        let url = url(text);
        assert_eq!((url.host(), url.port(), url.path(), url.query()), (host, port, path, query), "{text}");
    }
    assert_eq!(url("rtsp://h:554/").explicit_port(), Some(554));
    assert_eq!(url("rtsp://h/").explicit_port(), None);
}

#[test]
fn the_scheme_says_what_carries_rtsp() {
    for (text, written, tunnel, port, uri) in [
        ("rtsp://h/a", "rtsp://h/a", Tunnel::None, 554, "rtsp://h/a"),
        ("RTSPS://h/a", "rtsps://h/a", Tunnel::None, 322, "rtsps://h/a"),
        ("rtsp+http://h/a?b", "rtsp+http://h/a?b", Tunnel::Http, 80, "rtsp://h/a?b"),
        ("RTSP+HTTPS://h/a", "rtsp+https://h/a", Tunnel::Http, 443, "rtsps://h/a"),
        ("rtsp+ws://h:8080/a", "rtsp+ws://h:8080/a", Tunnel::WebSocket, 8080, "rtsp://h:8080/a"),
        ("rtsp+wss://u@[::1]/a", "rtsp+wss://u@[::1]/a", Tunnel::WebSocket, 443, "rtsps://[::1]/a"),
        // MediaMTX's.
        ("rtsps+http://h/a", "rtsp+https://h/a", Tunnel::Http, 443, "rtsps://h/a"),
        ("rtsps+ws://u:p@h/a", "rtsp+wss://u:***@h/a", Tunnel::WebSocket, 443, "rtsps://h/a"),
    ] {
        let url = url(text);
        assert_eq!((url.to_string(), url.tunnel(), url.port()), (written.to_owned(), tunnel, port), "{text}");
        assert_eq!((url.as_request_uri(), url.is_secure()), (uri, uri.starts_with("rtsps")), "{text}");
    }
    // A server's own paths are asked for in the same tunnel; an absolute URL leads where it says.
    let base = url("rtsp+http://u:p@h/a");
    assert_eq!(base.join("/b").unwrap().to_string(), "rtsp+http://u:***@h/b");
    assert_eq!(base.join("//g/b").unwrap().to_string(), "rtsp+http://g/b");
    assert_eq!(base.join("rtsp://g/b").unwrap().tunnel(), Tunnel::None);
    assert!(url("rtsp+ws://h:8554/a").same_origin(&url("rtsp://h:8554/b")));
    for other in ["http://h/a", "ws://h/a", "rtsp+ftp://h/a", "rtsp+://h/a", "rtsp+http:/h/a"] {
        assert_eq!(Url::parse(other), Err(UrlError::Scheme), "{other}");
    }
}

#[test]
fn no_byte_of_a_request_uri_is_rewritten() {
    for text in [
        "rtsp://192.168.1.99:554/test?user=tmp&password=BagRep1&channel=1&stream=0.sdp/trackID=1",
        "rtsp://192.168.1.99:554/te!st?user=tmp&password=BagRep1!&channel=1&stream=0.sdp/trackID=1",
        "rtsp://192.168.1.99:554/user=tmp&password=BagRep1!&channel=1&stream=0.sdp/trackID=1",
        "rtsp://h/a/../b/./c//d",
        "rtsp://H.Example:554/%2E%2E/ü/a b/{x|y^z}`\"<>\\#frag?#",
        "rtsp://h/a@b:c",
        "rtsp://h",
        "rtsp://h?x",
        "rtsp://[fe80::1%25eth0]:554/",
    ] {
        assert_eq!(url(text).as_request_uri(), text);
        assert_eq!(url(text).to_string(), without_secrets(text));
    }
    assert_eq!(url("RTSPS://u:p@H/x").as_request_uri(), "rtsps://H/x");
}

#[test]
fn credentials_are_read_as_people_type_them() {
    for (userinfo, user, password) in [
        ("admin:secret", "admin", "secret"),
        ("admin", "admin", ""),
        ("admin:", "admin", ""),
        (":secret", "", "secret"),
        ("admin:pa%23ss", "admin", "pa#ss"),
        ("admin:pa#ss", "admin", "pa#ss"),
        ("admin:pass?word", "admin", "pass?word"),
        ("admin:pass%2Fword", "admin", "pass/word"),
        ("admin:p@ss@", "admin", "p@ss@"),
        ("admin:a:b", "admin", "a:b"),
        ("admin:100%", "admin", "100%"),
        ("admin:%zz%4", "admin", "%zz%4"),
        ("admin:%2525", "admin", "%25"),
        ("us%C3%A9r:%E9", "usér", "é"),
        ("%40:%3A", "@", ":"),
    ] {
        let url = url(&format!("rtsp://{userinfo}@h:8554/x@y"));
        assert_eq!(url.credentials(), Some(Credentials::new(user, password)), "{userinfo}");
        assert_eq!(url.as_request_uri(), "rtsp://h:8554/x@y");
        assert_eq!(url.host(), "h");
    }
    for none in ["rtsp://h/u:p@x", "rtsp://@h/", "rtsp://:@h/"] {
        assert_eq!(url(none).credentials(), None, "{none}");
    }
}

#[test]
fn a_password_may_have_a_slash_where_no_host_can_end() {
    for (text, password, rest) in [
        ("rtsp://u:p/ss@host/cam", "p/ss", "rtsp://host/cam"),
        ("rtsp://u:p@ss@host/cam", "p@ss", "rtsp://host/cam"),
        ("rtsp://u:p#ss@host/cam", "p#ss", "rtsp://host/cam"),
        ("rtsp://u:p?ss@host/cam", "p?ss", "rtsp://host/cam"),
        ("rtsp://u:/ss@host/cam", "/ss", "rtsp://host/cam"),
        ("rtsp://u:p//s/@host", "p//s/", "rtsp://host"),
        ("rtsp://u:p/s@s@host:8554/cam", "p/s@s", "rtsp://host:8554/cam"),
        ("rtsp://u:p@s#/s@host/cam", "p@s#/s", "rtsp://host/cam"),
        ("rtsp://u:p?s/#s@[::1]:554/cam", "p?s/#s", "rtsp://[::1]:554/cam"),
        ("rtsp://u:p/%2F%zz@host?x", "p//%zz", "rtsp://host?x"),
        ("rtsp://u:99999/ss@host/cam", "99999/ss", "rtsp://host/cam"),
        ("rtsp://u:p/ss@host/cam@2x", "p/ss", "rtsp://host/cam@2x"),
        ("rtsp://u:p/ss@host/a?mail=x@y", "p/ss", "rtsp://host/a?mail=x@y"),
    ] {
        let url = url(text);
        assert_eq!(url.credentials(), Some(Credentials::new("u", password)), "{text}");
        assert_eq!(url.as_request_uri(), rest, "{text}");
        assert_eq!(url.tolerances().iter().collect::<Vec<_>>(), [Tolerance::RawCredentials], "{text}");
        let shown = rest.replace("rtsp://", "rtsp://u:***@");
        assert_eq!((url.to_string(), format!("{url:?}")), (shown.clone(), format!("Url({shown})")), "{text}");
    }
}

#[test]
fn an_at_sign_behind_a_usable_host_is_part_of_the_path() {
    for text in [
        "rtsp://host/path@2x",
        "rtsp://host/a?mail=x@y",
        "rtsp://host:554/path@2x/b",
        "rtsp://host:554/a/u:p@x",
        "rtsp://[::1]/path@2x",
        "rtsp://host/a:b@c",
        "rtsp://12:34/56@host",
    ] {
        let url = url(text);
        assert_eq!((url.credentials(), url.as_request_uri()), (None, text));
        assert!(url.tolerances().is_empty(), "{text}");
    }
    let both = url("rtsp://u:p%2Fss%40@host/path@2x");
    assert_eq!(both.credentials(), Some(Credentials::new("u", "p/ss@")));
    assert!(both.tolerances().is_empty() && both.path() == "/path@2x");
    // Behind a colon without a port, another path must not make the host a user name.
    assert_eq!(url("rtsp://x/a@b").with_authority_of(&url("rtsp://h:/")).as_request_uri(), "rtsp://h/a@b");
}

#[test]
fn what_a_person_reads_never_has_the_password() {
    assert_eq!(url("rtsp://admin@h/x").to_string(), "rtsp://admin@h/x");
    let url = url("rtsp://admin:hunter2@h/x");
    assert_eq!(url.to_string(), "rtsp://admin:***@h/x");
    assert_eq!(format!("{url:?}"), "Url(rtsp://admin:***@h/x)");
    let credentials = url.credentials().unwrap();
    assert_eq!(format!("{credentials:?}"), r#"Credentials { user: "admin", password: "***" }"#);
}

#[test]
fn what_cannot_be_used_is_refused() {
    for (text, error) in [
        (":testing", UrlError::Scheme),
        ("", UrlError::Scheme),
        ("h/x", UrlError::Scheme),
        ("http://testing", UrlError::Scheme),
        ("rtspu://h/x", UrlError::Scheme),
        ("rtsp:opaque?query", UrlError::Scheme),
        (" rtsp://h", UrlError::Scheme),
        ("rtsp://", UrlError::Host),
        ("rtsp:///x", UrlError::Host),
        ("rtsp://u:p@/x", UrlError::Host),
        ("rtsp://:554/x", UrlError::Host),
        ("rtsp://  aaaaa", UrlError::Host),
        ("rtsp://h#x", UrlError::Host),
        ("rtsp://198.51^.100.7/x", UrlError::Host),
        ("rtsp://a|b`{}/x", UrlError::Host),
        ("rtsp://fe80::1/x", UrlError::Host),
        ("rtsp://[fe80::1/x", UrlError::Host),
        ("rtsp://[]/x", UrlError::Host),
        ("rtsp://[h]/x", UrlError::Host),
        ("rtsp://[::1%]/x", UrlError::Host),
        ("rtsp://[::1]x/x", UrlError::Host),
        ("rtsp://h:0/x", UrlError::Port),
        ("rtsp://h:65536/x", UrlError::Port),
        ("rtsp://h:+554/x", UrlError::Port),
        ("rtsp://h:-1/x", UrlError::Port),
        ("rtsp://user:pass/word@/x", UrlError::Port),
        ("rtsp://user:pass/word@h^/x", UrlError::Port),
        ("rtsp://fe80::1/x@y", UrlError::Host),
        ("rtsp://[fe80::1/x@y", UrlError::Host),
        ("rtsp://198.51^.100.7/x@y", UrlError::Host),
        ("rtsp://h/\r\nX: y", UrlError::ControlCharacter { at: 9 }),
        ("rtsp://h/a\tb", UrlError::ControlCharacter { at: 10 }),
        ("rtsp://h/\0", UrlError::ControlCharacter { at: 9 }),
        ("rtsp://h/\x7f", UrlError::ControlCharacter { at: 9 }),
    ] {
        assert_eq!(Url::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn the_origin_is_scheme_host_and_port() {
    let origin = url("rtsp://u:p@Cam:554/a");
    for (text, same) in [
        ("rtsp://cam/b?c", true),
        ("rtsp://other@CAM:554", true),
        ("rtsp://cam:8554/a", false),
        ("rtsps://cam:554/a", false),
        ("rtsp://cam2/a", false),
    ] {
        assert_eq!(origin.same_origin(&url(text)), same, "{text}");
    }
}

#[test]
fn an_authority_brings_its_scheme_and_credentials() {
    let moved = url("rtsp://evil:81/a?b").with_authority_of(&url("rtsps://u:p@h:8322/x"));
    assert_eq!(moved, url("rtsps://u:p@h:8322/a?b"));
    assert_eq!(moved.credentials(), Some(Credentials::new("u", "p")));
    assert_eq!(moved.tail(), "/a?b");
}
