use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

const REQUEST: &str = "rtsp://u:p@192.168.1.10:554/stream0?x=y";

#[test]
fn every_form_of_a_base_is_read_in_every_place() {
    use Tolerance::{RelativeBase, UnreadableBase, UrlCredentials, UrlHost, UrlScheme};
    for (written, tail, tolerances) in [
        ("rtsp://192.168.1.10:554/stream1/", "/stream1/", &[][..]),
        (" RTSPS://cam.lan/stream1/ ", "/stream1/", &[]),
        ("rtsp://cam.lan:554", "", &[]),
        ("rtsp://cam.lan?a=b", "?a=b", &[]),
        ("rtsp://cam.lan/a@b/", "/a@b/", &[]),
        // An IP camera reported to several projects.
        ("rtsp://rtsp://cam.lan:554/stream1/", "/stream1/", &[UrlScheme]),
        ("rtsp://RTSP://rtsp://cam.lan:554/stream1/", "/stream1/", &[UrlScheme]),
        ("http://cam.lan/stream1/", "/stream1/", &[UrlScheme]),
        ("rtspt://cam.lan/stream1/", "/stream1/", &[UrlScheme]),
        // Samsung, Hanwha
        ("rtsp://admin:secret@cam.lan/stream1/", "/stream1/", &[UrlCredentials]),
        ("rtsp://user:pa/ss@cam/x", "/x", &[UrlCredentials]),
        ("rtsp://rtsp://user:pa/ss@cam/x", "/x", &[UrlCredentials, UrlScheme]),
        ("rtsp://fe80::1:554/x/", "/x/", &[UrlHost]),
        ("rtsp:///x/", "/x/", &[UrlHost]),
        ("rtsp://cam^/x/", "/x/", &[UrlHost]),
        ("rtsp://(null):554/x/", "/x/", &[]),
        ("rtsp://0.0.0.0:554/x/", "/x/", &[UrlHost]),
        ("rtsp://127.0.0.1/x/", "/x/", &[UrlHost]),
        ("rtsp://[::]:554/x/", "/x/", &[UrlHost]),
        ("rtsp://cam:99999/x/", "/x/", &[UrlHost]),
        // Anjvision, SV3C
        ("192.168.1.10:554/stream0/", "/stream0/", &[UrlScheme]),
        ("192.168.253.220:1935/", "/", &[UrlScheme]),
        ("10.0.0.7/stream0/", "/stream0/", &[UrlScheme]),
        ("fe80::1/x/", "/x/", &[UrlHost, UrlScheme]),
        ("[fe80::1]/x/", "/x/", &[UrlScheme]),
        ("admin:se/cret@cam.lan/x/", "/x/", &[UrlCredentials, UrlScheme]),
        // gortsplib issue 636
        ("/relative/", "/relative/", &[RelativeBase]),
        ("stream0/", "/stream0?x=y", &[UnreadableBase]),
        ("", "/stream0?x=y", &[UnreadableBase]),
        ("rtsp://h/\0", "/stream0?x=y", &[UnreadableBase]),
    ] {
        let expected = url(REQUEST).with_tail(tail);
        for bases in [
            Bases { content_base: Some(written), ..Bases::default() },
            Bases { content_location: Some(written), ..Bases::default() },
            Bases {
                content_base: Some(written),
                content_location: Some("rtsp://h/other/"),
                ..Bases::default()
            },
        ] {
            if tolerances == [UnreadableBase]
                && bases.content_base.is_some()
                && bases.content_location.is_some()
            {
                continue;
            }
            let mut fired = Tolerances::NONE;
            assert_eq!(bases.url(&url(REQUEST), &mut fired), expected, "{written:?}");
            let mut expected = Tolerances::NONE;
            tolerances.iter().for_each(|tolerance| expected.record(*tolerance));
            assert_eq!(fired, expected, "{written:?}");
        }
        if tolerances == [UnreadableBase] || tolerances == [RelativeBase] {
            continue;
        }
        let (mut fired, mut header) = (Tolerances::NONE, Tolerances::NONE);
        let control = Bases { content_base: Some("/a/"), control: Some(written), ..Bases::default() };
        assert_eq!(control.url(&url(REQUEST), &mut fired), expected, "a session-level control {written:?}");
        header.record(RelativeBase);
        tolerances.iter().for_each(|tolerance| header.record(*tolerance));
        assert_eq!(fired, header, "a session-level control {written:?}");
        if written.trim().contains("://") {
            let mut fired = Tolerances::NONE;
            assert_eq!(
                track_url(&url(REQUEST), Some(written)),
                Ok(expected),
                "a media's control {written:?}"
            );
            check_control(&url(REQUEST), written, &mut fired);
            assert_eq!(fired.iter().collect::<Vec<_>>().len(), tolerances.len(), "{written:?}");
        }
    }
}

#[test]
fn the_base_is_the_session_control_then_content_base_content_location_and_the_request() {
    for (content_base, content_location, control, expected) in [
        (None, None, None, "/stream0?x=y"),
        (None, None, Some("*"), "/stream0?x=y"),
        (None, Some("rtsp://h/l/"), None, "/l/"),
        (Some("rtsp://h/a/"), Some("rtsp://h/l/"), None, "/a/"),
        (Some("nothing"), Some("rtsp://h/l/"), None, "/l/"),
        (Some("rtsp://h/a/"), None, Some("*"), "/a/"),
        (Some("rtsp://h/a/"), None, Some("rtsp://evil/b"), "/b"),
        (Some("rtsp://h/a/"), None, Some("/b"), "/b"),
        (Some("rtsp://h/a/"), None, Some("b"), "/a/b"),
        (None, None, Some("b"), "/stream0?x=y/b"),
        (Some("rtsp://h/a/"), None, Some("b\nc"), "/a/"),
    ] {
        let bases = Bases { content_base, content_location, control };
        let led = bases.url(&url(REQUEST), &mut Tolerances::default());
        assert_eq!(led, url(REQUEST).with_tail(expected), "{bases:?}");
    }
}

#[test]
fn a_media_is_set_up_by_one_way_after_the_other_and_by_none_twice() {
    for (request, base, control, expected) in [
        ("/cam", "/wrong/", Some("t=0"), &["/wrong/t=0", "/cam/t=0", "/t=0"][..]),
        ("/a/cam", "/b/wrong", Some("t=0"), &["/b/wrong/t=0", "/a/cam/t=0", "/b/t=0", "/a/t=0"]),
        ("/cam", "/cam/", Some("t=0"), &["/cam/t=0", "/t=0"]),
        ("/cam/", "/cam/", Some("t=0"), &["/cam/t=0"]),
        ("/cam", "/wrong", None, &["/wrong", "/cam"]),
        ("/cam", "/wrong", Some("rtsp://h/t=0"), &["/t=0"]),
    ] {
        let [request, base] = [request, base].map(|tail| url("rtsp://h/").with_tail(tail));
        let ways = std::iter::successors(Some(Way::Base), |way| way.next(&request, &base, control));
        let tails: Vec<Url> = ways.map(|way| way.url(&request, &base, control).unwrap()).collect();
        let expected: Vec<Url> = expected.iter().map(|tail| url("rtsp://h/").with_tail(tail)).collect();
        assert_eq!(tails, expected, "{request} {base} {control:?}");
    }
}
