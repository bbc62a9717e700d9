use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

#[test]
fn a_control_is_appended_to_the_base_as_text() {
    for (base, control, expected) in [
        ("rtsp://h/path/", None, "rtsp://h/path/"),
        ("rtsp://h/path/", Some("*"), "rtsp://h/path/"),
        ("rtsp://h/path/", Some(" "), "rtsp://h/path/"),
        ("rtsp://h:554/", Some("rtsp://localhost/path/trackID=7"), "rtsp://h:554/path/trackID=7"),
        ("rtsp://h:554", Some("/test"), "rtsp://h:554/test"),
        ("rtsp://h:554", Some("test"), "rtsp://h:554/test"),
        ("rtsp://h/sub/path", Some("trackID=5"), "rtsp://h/sub/path/trackID=5"),
        (
            "rtsp://h/test?user=tmp&stream=0.sdp",
            Some("trackID=5"),
            "rtsp://h/test?user=tmp&stream=0.sdp/trackID=5",
        ),
        ("rtsp://h/user=tmp&stream=0.sdp", Some("trackID=5"), "rtsp://h/user=tmp&stream=0.sdp/trackID=5"),
        ("rtsp://h/test", Some("?ctype=video"), "rtsp://h/test?ctype=video"),
        ("rtsp://h", Some("?ctype=video"), "rtsp://h?ctype=video"),
        ("rtsp://h/media", Some("track:1"), "rtsp://h/media/track:1"),
        // GW Security, Dahua
        (
            "rtsp://192.168.1.110:5050/H264?channel=1&subtype=0&unicast=true&proto=Onvif",
            Some("video"),
            "rtsp://192.168.1.110:5050/H264?channel=1&subtype=0&unicast=true&proto=Onvif/video",
        ),
        // Hikvision
        (
            "rtsp://192.168.5.106:554/Streaming/Channels/101/",
            Some(
                "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
            ),
            "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
        ),
        // mediamtx issue 3517
        ("rtsp://h/live/", Some("/trackID=1"), "rtsp://h/live/trackID=1"),
        ("rtsp://h/live", Some("//trackID=1"), "rtsp://h/live/trackID=1"),
    ] {
        assert_eq!(track_url(&url(base), control), Ok(url(expected)), "{base} {control:?}");
    }
}

#[test]
fn a_control_never_leads_to_another_host_nor_changes_the_credentials() {
    let base = url("rtsps://me:mine@h:8322/base");
    for control in [
        // Samsung, Hanwha: credentials echoed
        "rtsp://admin:SuperSecret@10.132.250.29:554/profile2/media.smp/trackID=v",
        "RTSP://evil/x",
        "rtsps://evil:1/x",
        "rtspu://evil/x",
        "rtsp://evil",
        "rtsp://evil?x",
        "rtsp:///x",
        "rtsp://h@evil:99999/x",
        "//evil/x",
        "@evil/x",
        ":80@evil/x",
        "http://evil/x",
        "?@evil/x",
    ] {
        let track = track_url(&base, Some(control)).unwrap();
        assert!(track.same_origin(&base), "{control}");
        assert_eq!(track.credentials(), base.credentials(), "{control}");
        let reread = url(track.as_request_uri());
        assert!(reread.same_origin(&base), "{control}");
        assert_eq!((reread.path(), reread.query()), (track.path(), track.query()), "{control}");
    }
    assert_eq!(track_url(&base, Some("a\r\nb")), Err(UrlError::ControlCharacter { at: 1 }));
}

#[test]
fn a_base_without_path_keeps_its_host_when_a_control_has_an_at_sign() {
    let base = url("rtsp://h");
    for control in ["?@evil", "?a@evil/x", "rtsp://evil?b@evil/x"] {
        let track = track_url(&base, Some(control)).unwrap();
        assert!(url(track.as_request_uri()).same_origin(&base), "{control} {track}");
    }
}

#[test]
fn the_other_way_to_join_is_that_of_rfc_3986() {
    for (base, control, expected) in [
        ("rtsp://h/H264?channel=1", "video", Some("rtsp://h/video")),
        ("rtsp://h/a/b", "c", Some("rtsp://h/a/c")),
        ("rtsp://h/a/b", "/c", Some("rtsp://h/c")),
        ("rtsp://h/a?b", "?c", Some("rtsp://h/a?c")),
        ("rtsp://h/a/", "c", None),
        ("rtsp://h", "c", None),
        ("rtsp://h/a", "*", None),
        ("rtsp://h/a", "rtsp://h/b", None),
        ("rtsp://h/a/b/c", "../t1", Some("rtsp://h/a/t1")),
    ] {
        assert_eq!(joined_track_url(&url(base), control), expected.map(url), "{base} {control}");
    }
}

#[test]
fn the_uri_of_a_setup_names_stream_and_track() {
    for (uri, path, query, index) in [
        ("rtsp://h/teststream/trackID=1", "/teststream", None, Some(1)),
        ("rtsp://h/teststream?testing=123/trackID=1", "/teststream", Some("testing=123"), Some(1)),
        ("rtsp://h/teststream/trackID=1?testing=123", "/teststream", Some("testing=123"), Some(1)),
        ("rtsp://h/teststream/", "/teststream", None, None),
        ("rtsp://h/teststream?testing=123/", "/teststream", Some("testing=123"), None),
        ("rtsp://h/teststream/?testing=123", "/teststream", Some("testing=123"), None),
        ("rtsp://h/test/stream/trackID=0", "/test/stream", None, Some(0)),
        ("rtsp://h/test/stream/", "/test/stream", None, None),
        ("rtsp://h/test/stream?testing=123/trackID=10", "/test/stream", Some("testing=123"), Some(10)),
        ("rtsp://h/trackID=1", "/", None, Some(1)),
        ("rtsp://h//trackID=1", "/", None, Some(1)),
        ("rtsp://h/", "/", None, None),
        ("rtsp://h", "/", None, None),
        ("rtsp://h?a/trackID=2", "/", Some("a"), Some(2)),
        ("rtsp://h/invalid", "/invalid", None, None),
        ("rtsps://u:p@h:1/a/trackID=0/trackID=1", "/a/trackID=0", None, Some(1)),
        ("rtsp://h/a/trackID=0/", "/a", None, Some(0)),
        ("/teststream/trackID=1", "/teststream", None, Some(1)),
    ] {
        let named = resolve_setup(uri).unwrap();
        assert_eq!((named.path, named.query, named.index()), (path, query, index), "{uri}");
        assert_eq!(named.control.is_some(), index.is_some(), "{uri}");
    }
}

#[test]
fn a_track_without_a_number_has_a_control_but_no_index() {
    for uri in [
        "rtsp://h/a/trackID=",
        "rtsp://h/a/trackID=x",
        "rtsp://h/a/trackID=+1",
        "rtsp://h/a/trackID=99999999999999999999999",
    ] {
        let named = resolve_setup(uri).unwrap();
        assert_eq!((named.path, named.control.is_some(), named.index()), ("/a", true, None), "{uri}");
    }
}

#[test]
fn aggregate_uris_are_read_with_and_without_slash() {
    for (uri, path, query) in [
        ("rtsp://h/teststream/", "/teststream", None),
        ("rtsp://h/teststream", "/teststream", None),
        ("rtsp://h", "/", None),
        ("rtsp://h/", "/", None),
        ("rtsp://h//", "/", None),
        ("rtsp://h/path?param=value/", "/path", Some("param=value")),
        ("rtsp://h/path/?param=value", "/path", Some("param=value")),
        ("/path", "/path", None),
    ] {
        assert_eq!(resolve_aggregate(uri), Ok((path, query)), "{uri}");
    }
    for (uri, error) in [
        ("*", UrlError::Asterisk),
        ("", UrlError::Scheme),
        ("http://h/x", UrlError::Scheme),
        ("teststream", UrlError::Scheme),
        ("/a\u{1}", UrlError::ControlCharacter { at: 2 }),
    ] {
        assert_eq!(resolve_aggregate(uri), Err(error), "{uri}");
        assert_eq!(resolve_setup(uri), Err(error), "{uri}");
    }
}

#[test]
fn a_track_and_its_stream_have_the_same_path_and_query() {
    for base in
        ["rtsp://h/cam", "rtsp://h/cam//", "rtsp://h/cam?q=1", "rtsp://h/cam?q=1/", "rtsp://h/cam/?q//"]
    {
        let track = format!("{base}/trackID=7");
        let named = resolve_setup(&track).unwrap();
        assert_eq!(Ok((named.path, named.query)), resolve_aggregate(base), "{base}");
    }
}

#[test]
fn the_setup_of_a_publisher_names_an_announced_control() {
    for (announced, control, setup) in [
        ("rtsp://h/teststream", "bbb=ccc", "rtsp://h/teststream/bbb=ccc"),
        ("rtsp://h/test/stream", "ddd=eee", "rtsp://h/test/stream/ddd=eee"),
        ("rtsp://h/test/stream?testing=0", "fff=ggg", "rtsp://h/test/stream?testing=0/fff=ggg"),
        ("rtsp://h/test/stream?testing=0", "fff=ggg", "rtsp://h/test/stream/fff=ggg?testing=0"),
        ("rtsp://h", "streamid=1", "rtsp://h/streamid=1"),
        ("rtsp://h/", "streamid=1", "rtsp://h//streamid=1"),
        ("rtsp://h/", "streamid=1", "rtsp://h/streamid=1"),
        ("rtsp://h/cam/", "streamid=1", "rtsp://other:8554/cam/streamid=1/"),
        ("rtsp://h/cam", "/streamid=1", "rtsp://h/cam/streamid=1"),
        ("rtsp://h/cam", "?ctype=video", "rtsp://h/cam?ctype=video"),
        ("rtsp://h/cam", "rtsp://localhost/cam/streamid=1", "rtsp://h/cam/streamid=1"),
        ("rtsp://h/cam", "*", "rtsp://h/cam/"),
    ] {
        let controls = [Some("streamid=0"), Some(control), Some("streamid=2")];
        assert_eq!(
            match_control(setup, announced, controls.into_iter()),
            Some(1),
            "{announced} {control} {setup}"
        );
    }
    assert_eq!(match_control("rtsp://h/cam", "rtsp://h/cam", [Some("a"), None].into_iter()), Some(1));
}

#[test]
fn the_setup_of_another_stream_or_track_matches_nothing() {
    for (announced, control, setup) in [
        ("rtsp://h/cam", "streamid=1", "rtsp://h/cam/streamid=11"),
        ("rtsp://h/cam", "streamid=1", "rtsp://h/cam2/streamid=1"),
        ("rtsp://h/cam", "streamid=1", "rtsp://h/camstreamid=1"),
        ("rtsp://h/cam?a", "streamid=1", "rtsp://h/cam/streamid=1?b"),
        ("rtsp://h/cam?a", "streamid=1", "rtsp://h/cam?ab/streamid=1"),
        ("rtsp://h/cam", "streamid=1", "rtsp://h/cam"),
        ("rtsp://h/cam", "*", "rtsp://h/other"),
        ("rtsp://h/cam", "rtsp://h/cam/1", "rtsp://h/cam/2"),
        ("rtsp://h/cam", "streamid=1", "*"),
        ("", "streamid=1", "rtsp://h/streamid=1"),
    ] {
        assert_eq!(
            match_control(setup, announced, [Some(control)].into_iter()),
            None,
            "{announced} {control} {setup}"
        );
    }
}
