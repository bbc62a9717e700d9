use super::*;

/// The head that a description has at least.
const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\nt=0 0\r\n";

/// The lines that are left of a description.
fn rewritten(bytes: &[u8]) -> (String, Tolerances) {
    let mut tolerances = Tolerances::NONE;
    let text = text(bytes, &mut tolerances).unwrap();
    let read = parse(&text, usize::MAX, &mut tolerances).unwrap();
    let mut left = String::new();
    if !read.name.is_empty() {
        left += &format!("s={}\r\n", read.name);
    }
    left += &written(&read.session);
    for (MediaLine { kind, protocol, formats, .. }, section) in &read.medias {
        let formats = formats.split(BLANKS).filter(|format| !format.is_empty()).collect::<Vec<_>>().join(" ");
        left += &format!("m={kind} 0 {protocol} {formats}\r\n{}", written(section));
    }
    (left, tolerances)
}

fn written(section: &Section<'_>) -> String {
    let bandwidths = section.bandwidths.iter().map(|line| format!("b={}:{}\r\n", line.kind, line.value));
    let attributes = section.attributes.iter().map(|AttributeLine { name, value }| match value {
        Some(value) => format!("a={name}:{value}\r\n"),
        None => format!("a={name}\r\n"),
    });
    bandwidths.chain(attributes).collect()
}

#[test]
fn what_rtsp_has_no_use_for_is_left_out_in_whatever_shape_and_order_it_comes() {
    let plain = "s=x\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n";
    for (ignored, tolerated) in [
        // A full and correct head.
        ("o=jdoe 2890844526 2890842807 IN IP4 10.47.16.5", None),
        ("i=A Seminar on the session description protocol", None),
        ("u=http://www.example.com/seminars/sdp.pdf", None),
        ("e=j.doe@example.com (Jane Doe)", None),
        // Hikvision.
        ("e=NONE", Some(Tolerance::SdpUnusedLine)),
        ("p=+1 617 555-6011", None),
        ("c=IN IP4 224.2.17.12/127", None),
        ("t=2873397496 2873404696\r\nr=604800 3600 0 90000\r\nz=2882844526 -3600 2898848070 0", None),
        ("k=prompt", None),
        // One number only (ONVIF specification), none at the end (Uniview), an additional one (TP-Link, Mercury).
        ("o= 2890842807 IN IP4 192.168.0.1", Some(Tolerance::SdpUnusedLine)),
        ("o=- 1001 1 IN ", Some(Tolerance::SdpUnusedLine)),
        ("o=- 14665860 31787219 1 IN IP4 192.168.2.29", Some(Tolerance::SdpUnusedLine)),
        // LiveReporter.
        ("o=-0 0 IN IP4 127.0.0.1", Some(Tolerance::SdpUnusedLine)),
        // No address; an address that is none.
        ("o=RTSP 16381778200090761968 16381778200090839277 IN IP4 ", Some(Tolerance::SdpUnusedLine)),
        ("o=- 1637 1637 IN IP4 5c2b68da", None),
        // Numbers that are too long, in hexadecimal, broken, negative (Y-CAM Bullet HD, AXIS 221).
        ("o=- 19599440071187478912 1 IN IP4 10.0.0.1", None),
        ("o=jdoe 0xAC4EC96E 2890842807 IN IP4 10.47.16.5", Some(Tolerance::SdpUnusedLine)),
        ("o=jdoe 0XAC4EC96E 2890842807 IN IP4 10.47.16.5", Some(Tolerance::SdpUnusedLine)),
        ("o=jdoe 103bdb6f 2890842807 IN IP4 10.47.16.5", Some(Tolerance::SdpUnusedLine)),
        (
            "o=- 1698210484.879535 1698210484.879535 IN IP4 46.242.10.231:12626",
            Some(Tolerance::SdpUnusedLine),
        ),
        ("o=- -1962418793961427 -1962418793961418 IN IP4 10.0.0.1", Some(Tolerance::SdpUnusedLine)),
        ("o=- -8959200248001175080 1 IN IP4 10.0.0.1", Some(Tolerance::SdpUnusedLine)),
        // IOI trk-101.
        ("o=- 1 1 IN IP4 127.0.0.1 ", Some(Tolerance::SdpBlanks)),
        // Vurix NVR, Verint, FritzBox 6660, Hik Media Server.
        ("o=- 1 1 IN IPV4 10.10.10.10", Some(Tolerance::SdpUnusedLine)),
        ("c=IN IPV4 0.0.0.0", Some(Tolerance::SdpUnusedLine)),
        ("o=- 1329416390 1329416390 IP IP4 192.168.1.1", Some(Tolerance::SdpUnusedLine)),
        ("c=In IP4 0.0.0.0", Some(Tolerance::SdpUnusedLine)),
        ("c=IN c=IN IP4 0.0.0.0", Some(Tolerance::SdpUnusedLine)),
        // Without the address type.
        ("c=IN 198.51.100.1", Some(Tolerance::SdpUnusedLine)),
        ("c=IN 2001:db8::2", Some(Tolerance::SdpUnusedLine)),
        // AJA encoder; a time that is none; a repetition without a time; twice the same.
        ("r=0 0", Some(Tolerance::SdpUnusedLine)),
        ("t=now later", Some(Tolerance::SdpUnusedLine)),
        ("i=one\r\ni=two", None),
        ("c=IN IP4 0.0.0.0\r\nc=IN IP4 0.0.0.0", None),
        // Letters that SDP does not know.
        ("x=what\r\nM=video 0 RTP/AVP 96\r\nA=control:1", Some(Tolerance::SdpLine)),
    ] {
        for at in 0..=4 {
            let mut lines: Vec<&str> = plain.trim_end().split("\r\n").collect();
            lines.insert(at, ignored);
            let (text, tolerances) = rewritten(format!("v=0\r\n{}\r\n", lines.join("\r\n")).as_bytes());
            assert_eq!(text, plain, "{ignored} at line {at}");
            let of_form = |tolerance: &Tolerance| {
                !matches!(tolerance, Tolerance::SdpLineOrder | Tolerance::SdpLineMissing)
            };
            let fired: Vec<_> = tolerances.iter().filter(of_form).collect();
            let fired = fired
                .iter()
                .copied()
                .find(|tolerance| *tolerance != Tolerance::SdpBlanks)
                .or_else(|| fired.first().copied());
            assert_eq!(fired, tolerated, "{ignored} at line {at}");
        }
    }
}

#[test]
fn lines_end_however_they_like_and_all_but_cr_lf_is_recorded() {
    let expected = "s=x\r\nm=video 0 RTP/AVP 96\r\na=recvonly\r\n";
    let text = format!("{HEAD}m=video 0 RTP/AVP 96\r\na=recvonly\r\n");
    assert_eq!(rewritten(text.as_bytes()), (expected.to_owned(), Tolerances::NONE));
    for text in [
        // A camera known to go2rtc.
        text.trim_end().to_owned(),
        // FritzBox 6660 Cable, Rockchip RbsLive, Mercury.
        text.replace("\r\n", "\n"),
        text.replace("\r\n", "\r"),
        text.replace("\r\n", "\r\r\n"),
        text.replace("\r\n", "\r\n\r\n"),
        text.replace("\r\n", "\n\r"),
        format!("\r\n{text}"),
        format!("{text}\0"),
    ] {
        let (rewritten, tolerances) = rewritten(text.as_bytes());
        assert_eq!(rewritten, expected, "{text:?}");
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), [Tolerance::SdpLineEnd], "{text:?}");
    }
}

#[test]
fn lines_that_are_missing_are_recorded() {
    use Tolerance::*;
    let medias = "m=video 0 RTP/AVP 96\r\n";
    for (head, tolerated) in [
        (HEAD, &[][..]),
        // A title may be a blank, and nothing less.
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns= \r\nt=0 0\r\n", &[]),
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\r\nt=0 0\r\n", &[SdpLineMissing]),
        // V380 by macro-video, Wisenet NVR.
        ("v=0\r\ns=streamed by the macro-video rtsp server\r\nt=0 0\r\n", &[SdpLineMissing]),
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nt=0 0\r\n", &[SdpLineMissing]),
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\n", &[SdpLineMissing]),
        ("v=1\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\nt=0 0\r\n", &[SdpVersion]),
        // UDP Technology: nothing but the media.
        ("", &[SdpVersion, SdpLineMissing]),
    ] {
        let (_, tolerances) = rewritten(format!("{head}{medias}").as_bytes());
        assert_eq!(tolerances.iter().collect::<Vec<_>>(), tolerated, "{head}");
    }
    // Those of a media are not those of the session.
    let (_, tolerances) =
        rewritten(format!("v=0\r\ns=x\r\nt=0 0\r\n{medias}o=- 1 1 IN IP4 h\r\n").as_bytes());
    assert!(tolerances.contains(SdpLineMissing));
}

#[test]
fn lines_that_are_out_of_order_or_repeated_are_recorded() {
    for (lines, is_tolerated) in [
        ("i=x\r\nu=x\r\ne=a@b\r\ne=a@b\r\np=1\r\np=1\r\nc=IN IP4 h\r\nb=AS:1\r\nb=RR:1", false),
        ("t=0 0\r\nr=7d 1h 0\r\nt=0 0\r\nz=0 0\r\nk=prompt\r\na=x\r\na=x", false),
        (
            "a=x\r\nm=video 0 RTP/AVP 96\r\ni=x\r\nc=IN IP4 h\r\nc=IN IP4 h\r\nb=AS:1\r\nk=prompt\r\na=x",
            false,
        ),
        ("m=video 0 RTP/AVP 96\r\na=x\r\nm=audio 0 RTP/AVP 8\r\nc=IN IP4 h\r\na=x", false),
        // Sony SNC-WR630.
        ("a=range:npt=now-\r\nc=IN IP4 0.0.0.0", true),
        ("m=video 0 RTP/AVP 96\r\na=x\r\nb=AS:1", true),
        ("m=video 0 RTP/AVP 96\r\ni=x\r\ni=x", true),
        ("m=video 0 RTP/AVP 96\r\ns=x", true),
        ("i=x\r\ni=x", true),
        ("v=0", true),
        ("s=x", true),
    ] {
        let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x";
        let (_, tolerances) = rewritten(format!("{head}\r\n{lines}\r\nm=video 0 RTP/AVP 96\r\n").as_bytes());
        assert_eq!(tolerances.contains(Tolerance::SdpLineOrder), is_tolerated, "{lines}");
    }
}

#[test]
fn each_repair_is_made_and_recorded() {
    use Tolerance::*;
    let cases: &[(&[u8], &str, &[Tolerance])] = &[
        // A byte order mark hides the version.
        (b"\xef\xbb\xbfv=0\r\nm=video 0 RTP/AVP 96\r\n", "m=video 0 RTP/AVP 96\r\n", &[SdpVersion, SdpLine]),
        // Tuya, Symynelec C5: memory that nobody has written to.
        (
            b"v=0\r\nc=IN IP4 '&\xff\xfe\r\nm=video -1353744643 RTP/AVP 96\r\n",
            "m=video 0 RTP/AVP 96\r\n",
            &[SdpEncoding, SdpUnusedLine, SdpMediaLine],
        ),
        (b"v=0\nm=video 65536 RTP/AVP 96\n", "m=video 0 RTP/AVP 96\r\n", &[SdpMediaLine]),
        (b"v=0\nm=audio 49170/2 RTP/AVP 0\n", "m=audio 0 RTP/AVP 0\r\n", &[]),
        // VStarcam.
        (b"v=0\nm=audio 0 RTP/AVP 8\t \n", "m=audio 0 RTP/AVP 8\r\n", &[SdpBlanks]),
        (b"v=0\nm=audio  0 \tRTP/AVP 8  9\n", "m=audio 0 RTP/AVP 8 9\r\n", &[SdpBlanks]),
        // IPCAM, H264DVR.
        (
            b"v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000 \n",
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
            &[SdpBlanks],
        ),
        (b"v=0\nm=video\n", "m=video 0 RTP/AVP \r\n", &[SdpMediaLine]),
        (b"v=0\nm=\n", "m=application 0 RTP/AVP \r\n", &[SdpMediaLine]),
        // AMS32 has an attribute of its own; attributes without a name cannot be written.
        (
            b"v=0\nm=video 0 RTP/AVP 96\na=type:control:*\na=:x\na=\n",
            "m=video 0 RTP/AVP 96\r\na=type:control:*\r\n",
            &[SdpLine],
        ),
        (
            b"v=0\nm=video 0 RTP/AVP 96\nb=RR:0\nb=TIAS:10000\nb=X-YZ:128\nb=AS:50.5\nb=AS:\nb=:1\nb=AS:99999999999999999999\n",
            "m=video 0 RTP/AVP 96\r\nb=RR:0\r\nb=TIAS:10000\r\nb=X-YZ:128\r\nb=AS:50\r\n",
            &[SdpBandwidth],
        ),
        // Blanks around the parts of a line.
        (
            b"v=0\nm=video 0 RTP/AVP 96\nb= AS : 500\na= control :1\n",
            "m=video 0 RTP/AVP 96\r\nb=AS:500\r\na=control:1\r\n",
            &[SdpBlanks],
        ),
        // The bytes behind a NUL are not part of the line.
        (
            b"v=0\nm=video 0 RTP/AVP 96\na=control:1\0junk\n",
            "m=video 0 RTP/AVP 96\r\na=control:1\r\n",
            &[SdpLine],
        ),
        (b"v=0\ns=one\ns=two\nm=text 0 RTP/AVP 96\ns=3\n", "s=one\r\nm=text 0 RTP/AVP 96\r\n", &[]),
    ];
    for (sent, expected, tolerated) in cases {
        let shown = String::from_utf8_lossy(sent);
        let (text, tolerances) = rewritten(sent);
        assert_eq!(text, *expected, "{shown}");
        let others = |tolerance: &Tolerance| !matches!(tolerance, SdpLineMissing | SdpLineEnd | SdpLineOrder);
        assert_eq!(tolerances.iter().filter(others).collect::<Vec<_>>(), *tolerated, "{shown}");
        assert_eq!(rewritten(text.as_bytes()).0, text, "rewriting twice changes nothing: {shown}");
    }
}

#[test]
fn a_title_in_another_encoding_costs_only_its_own_characters() {
    let (text, tolerances) = rewritten(b"v=0\r\ns=Cam\xe9ra\r\nm=video 0 RTP/AVP 96\r\n");
    assert_eq!(text, "s=Cam\u{fffd}ra\r\nm=video 0 RTP/AVP 96\r\n");
    assert!(tolerances.contains(Tolerance::SdpEncoding));
}
