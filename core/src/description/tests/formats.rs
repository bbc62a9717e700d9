use super::*;

#[test]
fn every_static_payload_type_needs_no_rtpmap() {
    // RFC 3551, tables 4 and 5.
    let table: &[(u8, &str, u32, Option<u16>)] = &[
        (0, "PCMU", 8_000, None),
        (3, "GSM", 8_000, None),
        (4, "G723", 8_000, None),
        (5, "DVI4", 8_000, None),
        (6, "DVI4", 16_000, None),
        (7, "LPC", 8_000, None),
        (8, "PCMA", 8_000, None),
        (9, "G722", 8_000, None),
        (10, "L16", 44_100, Some(2)),
        (11, "L16", 44_100, None),
        (12, "QCELP", 8_000, None),
        (13, "CN", 8_000, None),
        (14, "MPA", 90_000, None),
        (15, "G728", 8_000, None),
        (16, "DVI4", 11_025, None),
        (17, "DVI4", 22_050, None),
        (18, "G729", 8_000, None),
        (25, "CelB", 90_000, None),
        (26, "JPEG", 90_000, None),
        (28, "nv", 90_000, None),
        (31, "H261", 90_000, None),
        (32, "MPV", 90_000, None),
        (33, "MP2T", 90_000, None),
        (34, "H263", 90_000, None),
    ];
    for &(payload_type, encoding, clock_rate, channels) in table {
        let (format, tolerances) = read_format(&format!("audio 0 RTP/AVP {payload_type}"), &[]);
        assert_eq!(
            (&*format.encoding, format.clock_rate, format.channels),
            (encoding, clock_rate, channels),
            "payload type {payload_type}"
        );
        assert_eq!(tolerances, [], "payload type {payload_type}");
    }
    for payload_type in (0..128).filter(|number| table.iter().all(|(known, ..)| known != number)) {
        let (format, tolerances) = read_format(&format!("video 0 RTP/AVP {payload_type}"), &[]);
        assert_eq!((&*format.encoding, format.clock_rate), ("", 90_000), "payload type {payload_type}");
        assert_eq!(format.rtpmap(), None);
        assert_eq!(tolerances, [Tolerance::RtpmapClockRate], "payload type {payload_type}");
    }
}

#[test]
fn every_format_is_carried_unchanged() {
    for (media, rtpmap, fmtp) in [
        (
            "video 0 RTP/AVP 96",
            "H264/90000",
            Some("packetization-mode=1; sprop-parameter-sets=Z2QAKA==,aOs="),
        ),
        ("video 0 RTP/AVP 35", "H264/90000", Some("packetization-mode=1")),
        (
            "video 0 RTP/AVP 96",
            "H265/90000",
            Some("sprop-vps=QAE=; sprop-sps=QgE=; sprop-pps=RAE=; sprop-max-don-diff=2"),
        ),
        ("video 0 RTP/AVP 96", "AV1/90000", Some("profile=2; level-idx=8; tier=1")),
        ("video 0 RTP/AVP 96", "VP8/90000", Some("max-fr=123; max-fs=456")),
        ("video 0 RTP/AVP 96", "VP9/90000", Some("max-fr=123; max-fs=456; profile-id=2")),
        ("video 0 RTP/AVP 96", "MP4V-ES/90000", Some("profile-level-id=1; config=000001B001")),
        ("video 0 RTP/AVP 32", "MPV/90000", None),
        ("video 0 RTP/AVP 26", "JPEG/90000", None),
        ("video 0 RTP/AVP 33", "MP2T/90000", None),
        ("audio 0 RTP/AVP 96", "opus/48000/2", Some("sprop-stereo=1")),
        (
            "audio 0 RTP/AVP 96",
            "multiopus/48000/6",
            Some("num_streams=4; coupled_streams=2; channel_mapping=0,4,1,2,3,5"),
        ),
        ("audio 0 RTP/AVP 96", "vorbis/44100/2", None),
        ("audio 0 RTP/AVP 96", "mpeg4-generic/48000/2", Some("mode=AAC-hbr; config=1190; SizeLength=13")),
        (
            "audio 0 RTP/AVP 96",
            "MP4A-LATM/24000/2",
            Some("profile-level-id=1; cpresent=0; object=2; config=400026203fc0"),
        ),
        ("audio 0 RTP/AVP 96", "MP4A-LATM/90000/1", Some("cpresent=1")),
        ("audio 0 RTP/AVP 14", "MPA/90000", None),
        ("audio 0 RTP/AVP 96", "AC3/48000/2", None),
        ("audio 0 RTP/AVP 96", "AC3/48000", None),
        ("audio 0 RTP/AVP 96", "speex/16000", Some("vbr=off")),
        ("audio 0 RTP/AVP 97", "G726-32/8000", None),
        ("audio 0 RTP/AVP 97", "AAL2-G726-40/8000", None),
        ("audio 0 RTP/AVP 9", "G722/8000", None),
        ("audio 0 RTP/AVP 96", "PCMA/16000/2", None),
        ("audio 0 RTP/AVP 96", "PCMU/16000/2", None),
        ("audio 0 RTP/AVP 10", "L16/44100/2", None),
        ("audio 0 RTP/AVP 97", "L8/48000/2", None),
        ("audio 0 RTP/AVP 97", "L24/44100/4", None),
        ("application 0 RTP/AVP 96", "SMPTE336M/90000", None),
        ("application 0 RTP/AVP 107", "vnd.onvif.metadata/90000", Some("DecoderTag=h3c-v3 RTCP=0")),
        ("audio 0 RTP/AVP 96", "AMR/8000/1", Some("octet-align=1")),
        ("video 0 RTP/AVP 100", "ulpfec/90000", None),
    ] {
        let number = media.rsplit(' ').next().unwrap();
        let rtpmap_line = format!("rtpmap:{number} {rtpmap}");
        let fmtp_line = fmtp.map(|fmtp| format!("fmtp:{number} {fmtp}"));
        let lines: Vec<&str> = std::iter::once(&rtpmap_line).chain(&fmtp_line).map(String::as_str).collect();
        let (format, tolerances) = read_format(media, &lines);
        assert_eq!(tolerances, [], "{rtpmap}");
        assert_eq!(format.rtpmap().as_deref(), Some(rtpmap));
        assert_eq!(format.fmtp.as_deref(), fmtp, "{rtpmap}");
        let written = Description::new(vec![Media::new(MediaKind::Video, vec![format.clone()])]).to_sdp();
        for line in lines {
            assert!(written.contains(&format!("a={line}\r\n")), "{line} in {written}");
        }
        assert_eq!(read(written).0.medias[0].formats, [format]);
    }
}

#[test]
fn h264_says_how_it_is_packed_and_what_it_looks_like() {
    let sps = [0x67, 0x64, 0x00, 0x28, 0xac];
    let pps = [0x68, 0xeb, 0xe3];
    let format = Format::h264(96, &sps, &pps);
    assert_eq!(
        format.fmtp.as_deref(),
        Some("packetization-mode=1; profile-level-id=640028; sprop-parameter-sets=Z2QAKKw=,aOvj")
    );
    let Codec::H264(h264) = &format.codec else { panic!("{format:?}") };
    assert_eq!(h264.packetization_mode, 1);
    assert_eq!(h264.profile_level_id, Some([0x64, 0x00, 0x28]));
    let [found_sps, found_pps] = h264.parameter_sets().unwrap();
    assert_eq!((&found_sps[..], &found_pps[..]), (&sps[..], &pps[..]));

    let (bare, tolerances) = read_format("video 0 RTP/AVP 96", &["rtpmap:96 h264/90000"]);
    assert_eq!(bare.codec, Codec::H264(H264::default()));
    assert_eq!(tolerances, []);
    let known_later = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1");
    assert!(matches!(&known_later.codec, Codec::H264(h264) if h264.packetization_mode == 1));
}

#[test]
fn h264_parameter_sets_are_known_by_their_types() {
    let pps_first =
        Format::new(96, "H264", 90_000).with_fmtp("sprop-parameter-sets=aOvj,,Z2QAKKw=,Z0LAHg==,");
    let Codec::H264(h264) = pps_first.codec else { panic!() };
    assert_eq!(h264.sps.as_deref(), Some(&[0x67, 0x64, 0x00, 0x28, 0xac][..]));
    assert_eq!(h264.pps.as_deref(), Some(&[0x68, 0xeb, 0xe3][..]));

    let no_pps = Format::new(96, "H264", 90_000).with_fmtp("sprop-parameter-sets=Z2QAKKw=");
    assert!(
        matches!(&no_pps.codec, Codec::H264(h264) if h264.parameter_sets().is_none() && h264.sps.is_some())
    );
}

#[test]
fn h265_needs_all_three_parameter_sets() {
    let (vps, sps, pps) = ([0x40, 0x01, 0x0c], [0x42, 0x01, 0x01], [0x44, 0x01, 0xc0, 0xf7]);
    let format = Format::h265(97, &vps, &sps, &pps);
    assert_eq!(format.fmtp.as_deref(), Some("sprop-vps=QAEM; sprop-sps=QgEB; sprop-pps=RAHA9w=="));
    let Codec::H265(h265) = &format.codec else { panic!("{format:?}") };
    assert_eq!(h265.parameter_sets().unwrap().map(|set| set[0]), [0x40, 0x42, 0x44]);
    assert_eq!(h265.max_don_diff, 0);

    let part = Format::new(97, "H265", 90_000).with_fmtp("sprop-sps=QgEB; sprop-max-don-diff=7");
    let Codec::H265(h265) = part.codec else { panic!() };
    assert!(h265.sps.is_some() && h265.parameter_sets().is_none());
    assert_eq!(h265.max_don_diff, 7);
}

#[test]
fn mpeg4_audio_takes_rate_and_channels_from_its_configuration() {
    for (config, rate, channels) in [
        (&[0x11, 0x90][..], 48_000, 2),
        (&[0x12, 0x10], 44_100, 2),
        (&[0x11, 0x88], 48_000, 1),
        (&[0x14, 0x08], 16_000, 1),
        // 7.1 is layout 7.
        (&[0x11, 0xb8], 48_000, 8),
        // HE-AAC: SBR doubles 24 kHz; HE-AAC v2: PS makes stereo of mono.
        (&[0x2b, 0x11, 0x88, 0x00], 48_000, 2),
        (&[0xeb, 0x09, 0x88, 0x00], 48_000, 2),
        // A rate of 24 bits: 47,250 Hz.
        (&[0x17, 0x80, 0x5c, 0x49, 0x10], 47_250, 2),
        // The layout is in the stream.
        (&[0x11, 0x80], 48_000, 0),
        // Object type 42 (USAC), escaped.
        (&[0xf9, 0x46, 0x40], 48_000, 2),
    ] {
        let format = Format::mpeg4_audio(97, config).unwrap();
        let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("{format:?}") };
        assert_eq!((audio.sample_rate, audio.channels), (rate, channels), "{config:02x?}");
        assert_eq!(&audio.config[..], config);
        assert_eq!((audio.size_length, audio.index_length, audio.index_delta_length), (13, 3, 3));
        assert_eq!(format.clock_rate, rate);
    }
    assert_eq!(
        Format::mpeg4_audio(97, &[0x11, 0x90]).unwrap().fmtp.as_deref(),
        Some(
            "streamtype=5; profile-level-id=1; mode=AAC-hbr; config=1190; \
             sizelength=13; indexlength=3; indexdeltalength=3"
        )
    );
    // Too short, a reserved rate, a reserved layout, a rate of zero, SBR without its rate.
    for bad in [&[][..], &[0x11], &[0x16, 0x90], &[0x11, 0xc8], &[0x17, 0x80, 0, 0, 0x10], &[0x2b, 0x10]] {
        assert_eq!(Format::mpeg4_audio(97, bad), Err(BadAudioConfig), "{bad:02x?}");
    }
}

#[test]
fn opus_is_mono_unless_the_sender_says_stereo() {
    for (stereo, channels) in [(true, 2), (false, 1)] {
        let format = Format::opus(111, stereo);
        assert_eq!(format.rtpmap().as_deref(), Some("opus/48000/2"));
        assert_eq!(format.codec, Codec::Opus(Opus { channels, streams: None }));
    }
}

#[test]
fn g711_is_known_by_name_on_any_payload_type() {
    assert_eq!(Format::pcmu().codec, Codec::G711(G711Law::Mu));
    assert_eq!(Format::pcma().codec, Codec::G711(G711Law::A));
    let (format, _) = read_format("audio 0 RTP/AVP 96", &["rtpmap:96 pcma/16000/2"]);
    assert_eq!(format.codec, Codec::G711(G711Law::A));
    assert_eq!((format.clock_rate, format.channels), (16_000, Some(2)));
}

#[test]
fn mpeg4_generic_that_is_not_audio_with_au_headers_is_another_codec() {
    for fmtp in [
        "streamtype=4; mode=generic; sizelength=13; config=1190",
        "streamtype=5; mode=CELP-cbr; config=1190; constantsize=27",
        "streamtype=5; mode=generic; config=1190; constantsize=27",
    ] {
        assert_eq!(Format::new(96, "mpeg4-generic", 48_000).with_fmtp(fmtp).codec, Codec::Other, "{fmtp}");
    }
}
