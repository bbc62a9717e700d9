use super::*;
use crate::limits::{FORMATS_MAX, MEDIAS_MAX, SDP_BYTES_MAX, SDP_LINE_TOLD_BYTES_MAX, SDP_LINES_MAX};

fn refused(text: impl AsRef<[u8]>) -> DescriptionError {
    Description::parse(text.as_ref(), &mut Tolerances::default()).unwrap_err()
}

#[test]
fn one_byte_too_many_is_refused() {
    let mut text = b"v=0\r\nm=video 0 RTP/AVP 26\r\na=x:".to_vec();
    text.resize(SDP_BYTES_MAX, b'y');
    let (description, _) = read(&text);
    assert_eq!(description.medias[0].attributes.len(), 1);
    text.push(b'y');
    assert_eq!(refused(&text), DescriptionError::TooLong { bytes: SDP_BYTES_MAX + 1 });
    assert_eq!(refused(vec![b'm'; 10 << 20]), DescriptionError::TooLong { bytes: 10 << 20 });
}

#[test]
fn what_is_written_longer_than_a_peer_may_send_is_read_again() {
    let head = "v=0\nm=video 0 RTP/AVP 26\n";
    let mut long = format!("{head}a=x:").into_bytes();
    long.resize(SDP_BYTES_MAX, b'y');
    let lines = format!("{head}{}", "a=x\n".repeat(SDP_LINES_MAX - 1)).into_bytes();
    for text in [long, lines] {
        let described = read(&text).0.with_track_controls();
        let written = described.to_sdp();
        let refusal = Description::parse(written.as_bytes(), &mut Tolerances::default());
        assert!(matches!(refusal, Err(DescriptionError::TooLong { .. } | DescriptionError::TooManyLines(_))));
        assert_eq!(Description::parse_written(written.as_bytes()), Some(described));
    }
}

#[test]
fn one_media_too_many_is_refused() {
    let medias = |count| format!("v=0\n{}", "m=video 0 RTP/AVP 26\n".repeat(count));
    assert_eq!(read(medias(MEDIAS_MAX)).0.medias.len(), MEDIAS_MAX);
    let line = |number, text| DescriptionError::TooManyMedias(DescriptionLine::new(number, text));
    assert_eq!(refused(medias(MEDIAS_MAX + 1)), line(MEDIAS_MAX + 2, "m=video 0 RTP/AVP 26"));
    assert_eq!(refused("m=\n".repeat(SDP_BYTES_MAX / 3)), line(MEDIAS_MAX + 1, "m="));
}

#[test]
fn no_media_is_refused() {
    for text in ["", "v=0\r\n", "v=0\r\ns=x\r\na=control:*\r\n", "\0\0\0"] {
        assert_eq!(refused(text), DescriptionError::NoMedia, "{text:?}");
    }
}

#[test]
fn what_is_no_description_is_refused_with_the_line() {
    let lines = [
        ("<html><body>404</body></html>", 1, "<html><body>404</body></html>"),
        ("=m=m", 1, "=m=m"),
        ("v=0\r\ns=x\r\n\r\nvideo 0 RTP/AVP 96\r\n", 4, "video 0 RTP/AVP 96"),
    ];
    for (text, number, line) in lines {
        let error = refused(text);
        assert_eq!(error, DescriptionError::Unreadable(DescriptionLine::new(number, line)), "{text:?}");
        assert_eq!(error.line().map(|line| line.number), Some(number));
    }
    assert_eq!(refused("v=0\nno\u{1b}\n").to_string(), "no session description: line 2 is \"no\\u{1b}\"");
}

#[test]
fn one_byte_too_many_of_a_line_is_not_told() {
    let told = |text: &str| refused(text).line().unwrap().text.len();
    assert_eq!(told(&"x".repeat(SDP_LINE_TOLD_BYTES_MAX)), SDP_LINE_TOLD_BYTES_MAX);
    assert_eq!(told(&"x".repeat(SDP_LINE_TOLD_BYTES_MAX + 1)), SDP_LINE_TOLD_BYTES_MAX);
    assert_eq!(told(&"\u{e4}".repeat(SDP_LINE_TOLD_BYTES_MAX)), SDP_LINE_TOLD_BYTES_MAX);
    assert_eq!(told(&format!("x{}", "\u{e4}".repeat(SDP_LINE_TOLD_BYTES_MAX))), SDP_LINE_TOLD_BYTES_MAX - 1);
}

#[test]
fn formats_beyond_the_bound_are_left_out() {
    let list: String = (96..128).chain(0..90).map(|number| format!(" {number}")).collect();
    let (description, tolerances) = read(format!("v=0\nm=audio 0 RTP/AVP{list}\n"));
    let found: Vec<u8> = description.medias[0].formats.iter().map(|format| format.payload_type).collect();
    assert_eq!(found, (96..128).collect::<Vec<_>>());
    assert_eq!(found.len(), FORMATS_MAX);
    assert!(tolerances.contains(&Tolerance::SdpFormatsLeftOut));

    let rtpmaps: String = (0..128).map(|number| format!("a=rtpmap:{number} x/1\n")).collect();
    let (description, _) = read(format!("v=0\nm=application 0 RTP/AVP any\n{rtpmaps}"));
    assert_eq!(description.medias[0].formats.len(), FORMATS_MAX);
    assert_eq!(description.medias[0].attributes.len(), 128 - FORMATS_MAX);

    let ten_thousand = " 96".repeat(10_000);
    assert_eq!(read(format!("v=0\nm=video 0 RTP/AVP{ten_thousand}\n")).0.medias[0].formats.len(), 1);
}

#[test]
fn one_line_too_many_is_refused_whatever_it_says() {
    let head = "v=0\nm=video 0 RTP/AVP 96 97 98\n";
    for line in ["a=b\n", "a=fmtp:96 a\n", "a=rtpmap:98 a/1\n", "a=fmtp:1 a\n", "b=AS:1\n", "a=\n", "b=x\n"] {
        let most = format!("{head}{}", line.repeat(SDP_LINES_MAX - 1));
        assert_eq!(read(&most).0.medias.len(), 1, "{line:?}");
        let line_told = DescriptionLine::new(SDP_LINES_MAX + 2, line.trim_end());
        assert_eq!(refused(most + line), DescriptionError::TooManyLines(line_told), "{line:?}");
    }
    // All of these are of one format, one after the other.
    let fmtp = format!("{head}{}", "a=fmtp:96 a\n".repeat(1000));
    assert_eq!(read(fmtp).0.medias[0].formats[0].fmtp.as_ref().unwrap().len(), 2998);
}

#[test]
fn as_much_as_fits_is_read_in_one_go() {
    let fill = |head: &str, unit: &str| {
        let count = (SDP_BYTES_MAX - head.len() - 2) / unit.len();
        format!("{head}{}", unit.repeat(count))
    };
    let text = fill("v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 x=y", ";a=b");
    assert_eq!(read(text).0.medias[0].formats[0].parameter("x"), Some("y"));
    let sprop = "v=0\nm=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets=";
    for bomb in ["AAAB", "Z,", "Z2Q=,", ",", "AAAA", "////"] {
        let (description, _) = read(fill(sprop, bomb));
        assert!(matches!(description.medias[0].formats[0].codec, Codec::H264(_)), "{bomb}");
    }
    let head = "v=0\nm=video 0 RTP/AVP 96 97 98\n";
    for bomb in ["z=1 2 3 4\n", "r=1 2 3 4\n", "t=0 0\n", "s=x\n", "x\n", "\n", "\0", "\u{fffd}"] {
        assert_eq!(read(fill(head, bomb)).0.medias.len(), 1, "{bomb:?}");
    }
    let formats = fill("v=0\nm=video 0 RTP/AVP", " 1 2 3");
    assert_eq!(read(formats + "\n").0.medias[0].formats.len(), 3);
}

#[test]
fn numbers_do_not_buy_memory() {
    for (line, channels) in [
        ("rtpmap:96 L16/4294967295/65535", Some(65_535)),
        ("rtpmap:96 L16/8000/65536", None),
        ("rtpmap:96 L16/8000/0", None),
        ("rtpmap:96 L16/8000/99999999999999999999", None),
    ] {
        let (format, _) = read_format("audio 65535/65535 RTP/AVP 96", &[line]);
        assert_eq!(format.channels, channels, "{line}");
    }
}

#[test]
fn reading_what_was_written_gives_the_same_whatever_was_sent() {
    const SEEDS: [&str; 3] = [
        PUBLISHED,
        "v=0\no=- 1 1 1 IN IP4 x\ns=-\na=recvonly\na=range:npt=0-\nb=AS:50.5\nm=application/TP-LINK 0 RTP/AVP smart/1\n\
         a=fmtp:95 a\na=rtpmap:95 TP/9\na=rtpmap:96 /5\nm=audio 0 RTP/AVP 0 8\t 96 \na=rtpmap:0 MPEG4-GENERIC/16000/2\n\
         a=fmtp:0 config=1408\na=fmtp:0 x\na=fmtp: 8\na=mid:1\n",
        "m=video -1 UDP/RTP/SAVP 96 97 128\na=rtpmap:96 H265/0\na=fmtp:96 sprop-sps=QgEB;sprop-pps=AAAB\na=control: t \n\
         a=:x\na=empty:\na=b :c\na=sendonly\na=inactive\n",
    ];
    const NOISE: &[u8] = b"\0\r\n\t =:/;,.-*+0159azAZ\xff\xc3\xa9\"mabsv";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut readable = 0;
    for round in 0..6_000 {
        let mut bytes = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..random(8) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = NOISE[random(NOISE.len())],
                1 => bytes.insert(at, NOISE[random(NOISE.len())]),
                2 => drop(bytes.drain(at..(at + random(30)).min(bytes.len() - 1).max(at))),
                _ => bytes.extend_from_within(at..(at + random(60)).min(bytes.len())),
            }
        }
        match Description::parse(&bytes, &mut Tolerances::default()) {
            Ok(description) => {
                readable += 1;
                let written = description.to_sdp();
                sdp_types::Session::parse(written.as_bytes()).unwrap();
                let (again, _) = read(&written);
                assert_eq!(again, description, "round {round}: {:?}", String::from_utf8_lossy(&bytes));
            }
            Err(error) => assert!(
                matches!(error, DescriptionError::NoMedia | DescriptionError::Unreadable(_)),
                "round {round}: {error:?}"
            ),
        }
    }
    assert!(readable > 5_700, "{readable}");
}
