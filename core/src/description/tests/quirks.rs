//! Deviations that devices are known for, and how they are read.

use super::*;
use Tolerance::*;

#[test]
fn clock_rates_are_never_zero() {
    for (media, rtpmap, expected) in [
        ("video 0 RTP/AVP 96", "96 H264/0", 90_000),
        ("video 0 RTP/AVP 96", "96 H264", 90_000),
        ("video 0 RTP/AVP 96", "96 H264/", 90_000),
        ("video 0 RTP/AVP 96", "96 H264/-1", 90_000),
        ("video 0 RTP/AVP 96", "96 H264/4294967296", 90_000),
        ("audio 0 RTP/AVP 97", "97 speex/0", 8_000),
        ("application 0 RTP/AVP 98", "98 private", 90_000),
        ("audio 0 RTP/AVP 10", "10 L16/0", 44_100),
    ] {
        let (format, tolerances) = read_format(media, &[&format!("rtpmap:{rtpmap}")]);
        assert_eq!(format.clock_rate, expected, "{rtpmap}");
        assert_eq!(tolerances, [RtpmapClockRate], "{rtpmap}");
    }
}

#[test]
fn rtpmaps_are_stronger_than_static_payload_types() {
    // Anpviz: AAC as payload type 0, without a size length.
    let (format, tolerances) =
        read_format("audio 0 RTP/AVP 0", &["rtpmap:0 MPEG4-GENERIC/16000/2", "fmtp:0 config=1408"]);
    let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("{format:?}") };
    assert_eq!((audio.sample_rate, audio.channels, audio.size_length), (16_000, 1, 13));
    assert_eq!(tolerances, [StaticPayloadTypeRemapped, Mpeg4AudioAssumed]);

    // GW Security: the other law.
    let (format, tolerances) =
        read_format("audio 0 RTP/AVP 8", &["rtpmap:8 PCMU/8000/1", "ptime:20", "fmtp:8 vad=no"]);
    assert_eq!((format.payload_type, &format.codec), (8, &Codec::G711(G711Law::Mu)));
    assert_eq!(tolerances, [StaticPayloadTypeRemapped]);

    // Hikvision: PCM in little-endian under a name of its own.
    let (format, tolerances) = read_format("audio 0 RTP/AVP 11", &["rtpmap:11 PCM/48000"]);
    assert_eq!((&*format.encoding, format.clock_rate), ("PCM", 48_000));
    assert_eq!(tolerances, [StaticPayloadTypeRemapped]);
}

#[test]
fn blanks_do_not_count() {
    // IPCAM, H264DVR; AMS32; VStarcam; and other blanks.
    for (media, lines) in [
        ("video 0 RTP/AVP 96", ["rtpmap:96 H264/90000 ", "fmtp:96 packetization-mode=1"]),
        ("video 0 RTP/AVP 96", ["rtpmap:96 H264/90000", "fmtp: 96 packetization-mode=1"]),
        ("video 0 RTP/AVP 96\t ", ["rtpmap:96 H264/90000", "fmtp:96 packetization-mode=1"]),
        ("video  0  RTP/AVP  96", ["rtpmap:\t96\tH264/90000", "fmtp:96  packetization-mode = 1 "]),
    ] {
        let (format, tolerances) = read_format(media, &lines);
        assert_eq!(&*format.encoding, "H264", "{media} {lines:?}");
        assert!(matches!(&format.codec, Codec::H264(h264) if h264.packetization_mode == 1), "{format:?}");
        assert_eq!(tolerances, [SdpBlanks], "{media} {lines:?}");
    }
}

#[test]
fn names_are_known_in_any_case() {
    let (description, tolerances) = read(
        "v=0\r\na=Control:*\r\nm=VIDEO 0 rtp/avp 96\r\na=RTPMAP:96 h264/90000\r\na=Control:track1\r\na=RecvOnly\r\n",
    );
    let media = &description.medias[0];
    assert_eq!(
        (&media.kind, media.profile, tolerances),
        (&MediaKind::Video, Profile::Avp, vec![SdpNameCase])
    );
    assert_eq!(media.control.as_deref(), Some("track1"));
    assert_eq!(media.direction, Some(Direction::RecvOnly));
    assert!(matches!(media.formats[0].codec, Codec::H264(_)));
}

#[test]
fn tp_link_and_mercury_have_a_third_media_that_is_theirs_alone() {
    let (description, tolerances) = read(
        "v=0\r\n\
         o=- 14665860 31787219 1 IN IP4 192.168.2.29\r\n\
         s=Session streamed by \"TP-LINK RTSP Server\"\r\n\
         t=0 0\r\n\
         m=video 0 RTP/AVP 96\r\n\
         c=IN IP4 0.0.0.0\r\n\
         b=AS:4096\r\n\
         a=range:npt=0-\r\n\
         a=control:track1\r\n\
         a=rtpmap:96 H265/90000\r\n\
         a=fmtp:96 profile-space=0;profile-id=1;tier-flag=0;level-id=150;sprop-vps=QAEMAf//AWAAAAMAAAMAAAMAAAMAlqwJ;sprop-sps=QgEBAWAAAAMAAAMAAAMAAAMAlqABQCAFof4qtO6JLuaAgA27oADN/mAE;sprop-pps=RAHAcvAbJA==\r\n\
         m=audio 0 RTP/AVP 8\r\n\
         a=rtpmap:8 PCMA/8000\r\n\
         a=control:track2\r\n\
         m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\n\
         a=rtpmap:95 TP-LINK/90000\r\n\
         a=control:track3\r\n",
    );
    assert_eq!(tolerances, [SdpUnusedLine, SdpPayloadType]);
    let [video, audio, smart] = &description.medias[..] else { panic!("{description:?}") };
    assert!(matches!(&video.formats[0].codec, Codec::H265(h265) if h265.parameter_sets().is_some()));
    assert_eq!(video.bandwidths, [Bandwidth::new("AS", 4096)]);
    assert_eq!(audio.formats[0].codec, Codec::G711(G711Law::A));
    assert_eq!(smart.kind, MediaKind::Other("application/TP-LINK".into()));
    assert_eq!(smart.control.as_deref(), Some("track3"));
    assert_eq!(smart.formats[0].rtpmap().as_deref(), Some("TP-LINK/90000"));
    assert_eq!(smart.formats[0].payload_type, 95);
}

#[test]
fn ubiquiti_uses_one_payload_type_twice_and_an_fmtp_without_content() {
    let (description, tolerances) = read(
        "v=0\r\n\
         s=68D79AE46148_0\r\n\
         u=www.evostream.com\r\n\
         a=recvonly\r\n\
         a=control:*\r\n\
         a=range:npt=now-\r\n\
         m=audio 0 RTP/AVP 96\r\n\
         a=rtpmap:96 mpeg4-generic/48000/1\r\n\
         a=fmtp:96 streamtype=5; profile-level-id=15; mode=AAC-hbr; config=1188; SizeLength=13; IndexLength=3; IndexDeltaLength=3;\r\n\
         m=audio 0 RTP/AVP 96\r\n\
         a=rtpmap:96 opus/48000/2\r\n\
         a=fmtp:96\r\n",
    );
    assert_eq!(tolerances, [SdpFormatAttribute, FmtpParameter]);
    let [aac, opus] = &description.medias[..] else { panic!("{description:?}") };
    assert!(matches!(&aac.formats[0].codec, Codec::Mpeg4Audio(audio) if audio.channels == 1));
    assert_eq!(opus.formats[0].codec, Codec::Opus(Opus { channels: 1, streams: None }));
    assert_eq!(opus.formats[0].fmtp, None);
}

#[test]
fn other_kinds_and_protocols_pass_through() {
    for (line, kind, profile, tolerated) in [
        // UDP Technology, Wisenet, BZBGEAR, and others.
        ("metadata 0 RTP/AVP 98", MediaKind::Other("metadata".into()), Profile::Avp, &[][..]),
        ("meta 0 RTP/AVP 98", MediaKind::Other("meta".into()), Profile::Avp, &[]),
        ("text 0 RTP/AVP 98", MediaKind::Other("text".into()), Profile::Avp, &[]),
        ("vana 0 RTP/AVP 98", MediaKind::Other("vana".into()), Profile::Avp, &[]),
        ("application 0 RTP/SAVP 98", MediaKind::Application, Profile::Savp, &[]),
        ("video 0 RTP/AVPF 98", MediaKind::Video, Profile::Avpf, &[]),
        ("video 0 UDP/TLS/RTP/SAVPF 98", MediaKind::Video, Profile::Savpf, &[SdpProtocol]),
        // FFmpeg and others; television over IP.
        ("video 0 RTP/AVP/TCP 98", MediaKind::Video, Profile::Avp, &[SdpProtocol]),
        ("video 8048 MP2T/AVP 98", MediaKind::Video, Profile::Avp, &[SdpProtocol]),
        ("application 9 DTLS/SCTP 98", MediaKind::Application, Profile::Avp, &[SdpProtocol]),
    ] {
        let (description, tolerances) = read(format!("v=0\r\nm={line}\r\na=rtpmap:98 x/90000\r\n"));
        let media = &description.medias[0];
        assert_eq!((&media.kind, media.profile), (&kind, profile), "{line}");
        assert_eq!(tolerances, tolerated, "{line}");
        assert_eq!(media.formats.len(), 1, "{line}");
    }
}

#[test]
fn attributes_that_are_not_understood_are_carried_and_bad_ones_do_no_harm() {
    // H264DVR's frame rates, AMS32's control that is none, an fmtp for what is no payload type.
    let lines = [
        "framerate:0S",
        "framerate:25",
        "type:control:*",
        "fmtp:x profile-level-id=30;cpresent=0;config=",
        "rtpmap:41 L16/8000",
        "rtpmap:x y",
        "source-filter: incl IN IP4 * 10.175.31.17",
        "Media_header:MEDIAINFO=494D4B48;",
        "x-dimensions: 704, 576",
        "rtcp-mux",
        "empty:",
    ];
    let attributes: String = lines.iter().map(|line| format!("a={line}\r\n")).collect();
    let (description, tolerances) =
        read(format!("v=0\r\nm=audio 0 RTP/AVP 95\r\na=rtpmap:95 MP4A-LATM/8000/1\r\n{attributes}"));
    assert_eq!(tolerances, [SdpFormatAttribute]);
    assert_eq!(description.medias[0].control, None);
    assert_eq!(description.medias[0].formats[0].fmtp, None);
    let written = description.to_sdp();
    assert!(written.ends_with(&attributes), "{written}");
    assert_eq!(read(written).0, description);
}

#[test]
fn repeated_attributes_keep_their_first_value_and_leave_no_other_behind() {
    let (description, _) = read(
        "v=0\r\na=control:*\r\na=control:rtsp://10.0.0.7/other\r\n\
         m=video 0 RTP/AVP 96 96\r\n\
         a=control:\r\na=control: track1\r\na=control:rtsp://10.0.0.7/track1\r\n\
         a=rtpmap:96 H264/90000\r\na=rtpmap:96 H265/90000\r\n\
         a=fmtp:96 packetization-mode=1\r\na=fmtp:96 profile-level-id=4D401F\r\n",
    );
    assert_eq!(description.control.as_deref(), Some("*"));
    let media = &description.medias[0];
    assert_eq!(media.control.as_deref(), Some("track1"));
    assert_eq!(media.formats.len(), 1);
    assert_eq!(media.formats[0].rtpmap().as_deref(), Some("H264/90000"));
    assert_eq!(media.formats[0].fmtp.as_deref(), Some("packetization-mode=1; profile-level-id=4D401F"));
    assert!(!description.to_sdp().contains("10.0.0.7"));
}

#[test]
fn parameters_of_h264_that_make_no_sense_are_ignored() {
    // macro-video; GW Security, with start codes behind both parameter sets.
    for (fmtp, tolerated) in [
        (
            "profile-level-id=TeAo;packetization-mode=1;sprop-parameter-sets=J03gKI1oBQBboQAAAwABAAADACgPFCKg,KO4BNJI=",
            &[FmtpValue][..],
        ),
        (
            "packetization-mode=1;profile-level-id=5046314;sprop-parameter-sets=Z00AKpWoHgCJ+WbgICAgQAAAAAE=,aO48gAAAAAE=",
            &[FmtpValue, SpropStartCode],
        ),
        // In front, and all in one.
        ("packetization-mode=1;sprop-parameter-sets=AAAAAWdNAA==,AAABaO48gA==", &[SpropStartCode]),
        ("packetization-mode=1;sprop-parameter-sets=AAAAAWdNACoAAAABaO48gA==", &[SpropStartCode]),
        // With a trailing semicolon (Reolink).
        ("packetization-mode=1;sprop-parameter-sets=Z00AKgA=,aO48gA==;", &[FmtpParameter]),
        ("packetization-mode=1;sprop-parameter-sets=Z00AKg==,!!!!,aO48gA==", &[FmtpValue]),
    ] {
        let (format, tolerances) =
            read_format("video 0 RTP/AVP 96", &["rtpmap:96 H264/90000", &format!("fmtp:96 {fmtp}")]);
        let Codec::H264(h264) = &format.codec else { panic!("{format:?}") };
        let [sps, pps] = h264.parameter_sets().unwrap_or_else(|| panic!("{fmtp}"));
        assert_eq!((sps[0] & 0x1f, pps[0] & 0x1f), (7, 8), "{fmtp}");
        assert_ne!((sps.last(), pps.last()), (Some(&1), Some(&1)), "{fmtp}");
        assert_eq!((h264.packetization_mode, h264.profile_level_id), (1, None), "{fmtp}");
        assert_eq!(tolerances, tolerated, "{fmtp}");
        assert_eq!(format.fmtp.as_deref(), Some(fmtp), "passed on as it was");
    }
    // Hik Media Server has none, others only nonsense.
    for fmtp in
        ["packetization-mode=1", "packetization-mode=9", "sprop-parameter-sets=", "sprop-parameter-sets=,,,"]
    {
        let format = Format::new(96, "H264", 90_000).with_fmtp(fmtp);
        assert!(matches!(&format.codec, Codec::H264(h264) if h264.parameter_sets().is_none()), "{fmtp}");
    }
}

#[test]
fn mpeg4_audio_gets_along_without_most_of_its_parameters() {
    for (clock, fmtp, config, lengths, tolerated) in [
        // AVOIP; VLC; AMS32, with blanks and without index lengths.
        (
            "48000/2",
            "mode=AAC_hbr; config=1190; sizelength=13; indexlength=3; indexdeltalength=3",
            "1190",
            (13, 3, 3),
            &[][..],
        ),
        (
            "48000/2",
            "profile-level-id=1; mode=AAC-hbr; config=1190; SizeLength=13; IndexLength=3; IndexDeltaLength=3",
            "1190",
            (13, 3, 3),
            &[],
        ),
        (
            "48000/2",
            "streamtype=3; profile-level-id=14; mode=AAC-hbr; config=1190; sizeLength=13",
            "1190",
            (13, 0, 0),
            &[],
        ),
        // Low bit rate, without its lengths.
        ("8000", "mode=AAC-lbr; config=\"1588\"", "1588", (6, 2, 2), &[Mpeg4AudioAssumed]),
        // Hikvision: no configuration, so AAC-LC it is.
        (
            "16000",
            "mode=AAC-hbr; sizelength=13; indexlength=3; indexdeltalength=3",
            "1408",
            (13, 3, 3),
            &[Mpeg4AudioAssumed],
        ),
        ("48000/8", "mode=AAC-hbr; sizelength=13", "11b8", (13, 0, 0), &[Mpeg4AudioAssumed]),
        ("47250/2", "mode=AAC-hbr; sizelength=13", "17805c4910", (13, 0, 0), &[Mpeg4AudioAssumed]),
        // A configuration that is none.
        ("48000/2", "config=119; sizelength=13", "1190", (13, 0, 0), &[FmtpValue, Mpeg4AudioAssumed]),
        ("48000/2", "config=; sizelength=13", "1190", (13, 0, 0), &[FmtpValue, Mpeg4AudioAssumed]),
        ("48000/2", "config=zz; sizelength=99", "1190", (13, 3, 3), &[FmtpValue, Mpeg4AudioAssumed]),
    ] {
        let rtpmap = format!("rtpmap:97 mpeg4-generic/{clock}");
        let (format, tolerances) = read_format("audio 0 RTP/AVP 97", &[&rtpmap, &format!("fmtp:97 {fmtp}")]);
        let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("{fmtp}") };
        assert_eq!(
            audio.config.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            config,
            "{fmtp}"
        );
        assert_eq!((audio.size_length, audio.index_length, audio.index_delta_length), lengths, "{fmtp}");
        assert_eq!(tolerances, tolerated, "{fmtp}");
    }
    // Nothing to derive it from: the media is carried, the codec is not known.
    for rtpmap in ["mpeg4-generic/48000/65535", "mpeg4-generic/4294967295/2", "mpeg4-generic/48000/7"] {
        let (format, _) = read_format("audio 0 RTP/AVP 97", &[&format!("rtpmap:97 {rtpmap}")]);
        assert_eq!(format.rtpmap().as_deref(), Some(rtpmap));
        assert_eq!(format.codec, Codec::Other, "{rtpmap}");
    }
}

const SPS: &[u8] = &[0x67, 0x64, 0x00, 0x28, 0xfb, 0xef];
const PPS: &[u8] = &[0x68, 0xee, 0x31, 0xb2];

#[test]
fn parameter_sets_are_read_whatever_stands_between_them_and_written_as_the_rfc_has_them() {
    for (sets, tolerated) in [
        ("Z2QAKPvv,aO4xsg==", &[][..]),
        (r#"Z2QAKPvv","aO4xsg=="#, &[SpropSeparators]),
        (r#""Z2QAKPvv","aO4xsg==""#, &[SpropSeparators]),
        ("Z2QAKPvv aO4xsg==", &[SpropSeparators]),
        ("Z2QAK Pvv,aO4xs g==", &[SpropSeparators]),
        ("Z2QAKPvv, aO4xsg==", &[SpropSeparators]),
        ("Z2QAKPvv,,aO4xsg==,", &[SpropSeparators]),
        ("Z2QAKPvv,aO4xsg", &[SpropPadding]),
        ("Z2QAKPvv,aO4xsg=", &[SpropPadding]),
        ("Z2QAKPvv=,aO4xsg==", &[SpropPadding]),
        (r#"Z2QAKPvv" "aO4xsg"#, &[SpropSeparators, SpropPadding]),
    ] {
        let fmtp =
            format!("fmtp:96 packetization-mode=1; sprop-parameter-sets={sets};profile-level-id=640028");
        let (format, tolerances) = read_format("video 0 RTP/AVP 96", &["rtpmap:96 H264/90000", &fmtp]);
        let Codec::H264(h264) = &format.codec else { panic!("{format:?}") };
        assert_eq!(h264.parameter_sets().map(|sets| sets.map(|set| &set[..])), Some([SPS, PPS]), "{sets}");
        assert_eq!(tolerances, tolerated, "{sets}");
        let written = if tolerated.is_empty() { sets } else { "Z2QAKPvv,aO4xsg==" };
        assert_eq!(format.parameter("sprop-parameter-sets"), Some(written), "{sets}");
        assert_eq!(format.parameter("profile-level-id"), Some("640028"), "{sets}");
    }
}

#[test]
fn parameter_sets_in_the_base64_of_urls_are_read() {
    // The same bytes would be Z2QA+/8= and aP//.
    let (format, tolerances) = read_format(
        "video 0 RTP/AVP 96",
        &["rtpmap:96 H264/90000", "fmtp:96 sprop-parameter-sets=Z2QA-_8,aP__"],
    );
    assert!(matches!(&format.codec, Codec::H264(h264) if h264.parameter_sets().is_some()), "{format:?}");
    assert_eq!(format.fmtp.as_deref(), Some("sprop-parameter-sets=Z2QA+/8=,aP//"));
    assert_eq!(tolerances, [SpropAlphabet, SpropPadding]);

    let (format, tolerances) = read_format(
        "video 0 RTP/AVP 96",
        &["rtpmap:96 H265/90000", r#"fmtp:96 sprop-vps="QAEM-_8";sprop-sps=QgEB-_8=;sprop-pps=RAHA"#],
    );
    assert!(matches!(&format.codec, Codec::H265(h265) if h265.parameter_sets().is_some()), "{format:?}");
    assert_eq!(format.fmtp.as_deref(), Some("sprop-vps=QAEM+/8=;sprop-sps=QgEB+/8=;sprop-pps=RAHA"));
    assert_eq!(tolerances, [SpropSeparators, SpropAlphabet, SpropPadding]);
}

#[test]
fn an_fmtp_that_stands_elsewhere_finds_the_only_format_that_it_can_be_of() {
    const VIDEO: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    const AUDIO: &str = "m=audio 0 RTP/AVP 0\r\n";
    let other = |number: u8| format!("a=fmtp:{number} sprop-parameter-sets=Z2QAKPvv,aO4xsg==\r\n");
    for text in [
        // Under the other media, and above both.
        format!("v=0\r\n{VIDEO}{AUDIO}{}", other(96)),
        format!("v=0\r\n{AUDIO}{}{VIDEO}", other(96)),
        format!("v=0\r\n{}{AUDIO}{VIDEO}", other(96)),
        // For a payload type that nobody has, above the only media or in the only one with room.
        format!("v=0\r\n{AUDIO}{VIDEO}{}", other(97)),
        format!("v=0\r\n{}{VIDEO}", other(97)),
    ] {
        let (description, tolerances) = read(&text);
        let (media, format) = description.find("H264").unwrap_or_else(|| panic!("{text}"));
        assert!(matches!(&format.codec, Codec::H264(h264) if h264.parameter_sets().is_some()), "{text}");
        assert!(tolerances.contains(&SdpFormatMisplaced), "{text}");
        let written = description.to_sdp();
        assert_eq!(written.matches("a=fmtp:96 ").count(), 1, "{written}");
        assert_eq!(read(written).0.medias[media].formats, description.medias[media].formats);
    }
}

#[test]
fn an_fmtp_that_may_be_of_several_formats_is_carried_where_it_stands() {
    for text in [
        "v=0\r\na=fmtp:97 a=b\r\nm=video 0 RTP/AVP 96\r\nm=video 0 RTP/AVP 98\r\n",
        "v=0\r\na=fmtp:96 a=b\r\nm=video 0 RTP/AVP 96\r\nm=video 0 RTP/AVP 96\r\n",
        "v=0\r\nm=video 0 RTP/AVP 96 98\r\na=fmtp:97 a=b\r\n",
        "v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 c=d\r\na=fmtp:97 a=b\r\n",
        "v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 c=d\r\nm=audio 0 RTP/AVP 0\r\na=fmtp:96 a=b\r\n",
    ] {
        let (description, tolerances) = read(text);
        let carried = description
            .attributes
            .iter()
            .chain(description.medias.iter().flat_map(|media| &media.attributes));
        assert_eq!(carried.filter(|attribute| attribute.name == "fmtp").count(), 1, "{text}");
        assert!(!tolerances.contains(&SdpFormatMisplaced), "{text}");
    }
}

#[test]
fn an_rtpmap_for_a_payload_type_that_is_not_listed_names_the_only_format() {
    let (format, tolerances) = read_format("video 0 RTP/AVP 96", &["rtpmap:97 H265/90000"]);
    assert_eq!((format.payload_type, &*format.encoding), (96, "H265"));
    assert_eq!(tolerances, [SdpFormatAttribute, SdpFormatMisplaced]);
    // A static payload type says itself what it is.
    let (format, _) = read_format("audio 0 RTP/AVP 0", &["rtpmap:97 opus/48000/2"]);
    assert_eq!(&*format.encoding, "PCMU");
}

#[test]
fn rtpmaps_are_written_as_the_rfcs_have_them() {
    for (media, rtpmap, written, tolerated) in [
        ("audio 0 RTP/AVP 97", "97 OPUS/48000/1", "opus/48000/2", &[RtpmapChannels][..]),
        ("audio 0 RTP/AVP 97", "97 opus/48000", "opus/48000/2", &[RtpmapChannels]),
        ("audio 0 RTP/AVP 97", "97 Opus/48000/2", "opus/48000/2", &[]),
        ("audio 0 RTP/AVP 97", "97 opus/48000/6", "opus/48000/6", &[]),
        ("audio 0 RTP/AVP 9", "9 G722/16000", "G722/8000", &[G722ClockRate]),
        ("audio 0 RTP/AVP 97", "97 g722/16000/1", "G722/8000/1", &[G722ClockRate]),
        ("audio 0 RTP/AVP 10", "10 L16/44100", "L16/44100/2", &[RtpmapChannels]),
        ("audio 0 RTP/AVP 11", "11 l16/44100", "L16/44100", &[]),
        ("audio 0 RTP/AVP 97", "97 L16/44100", "L16/44100", &[]),
        ("audio 0 RTP/AVP 8", "8 pcma/8000", "PCMA/8000", &[]),
        ("video 0 RTP/AVP 96", "96 h264/90000", "H264/90000", &[]),
        ("video 0 RTP/AVP 96", "96 vp8/90000", "VP8/90000", &[]),
        ("video 0 RTP/AVP 26", "26 jpeg/90000", "JPEG/90000", &[]),
        ("application 0 RTP/AVP 107", "107 VND.ONVIF.METADATA/90000", "vnd.onvif.metadata/90000", &[]),
        ("audio 0 RTP/AVP 97", "97 X-Private/8000", "X-Private/8000", &[]),
    ] {
        let (format, tolerances) = read_format(media, &[&format!("rtpmap:{rtpmap}")]);
        assert_eq!(format.rtpmap().as_deref(), Some(written), "{rtpmap}");
        assert_eq!(tolerances, tolerated, "{rtpmap}");
    }
    // Two channels, of which the rtpmap knows nothing.
    let (format, tolerances) = read_format(
        "audio 0 RTP/AVP 97",
        &["rtpmap:97 MPEG4-GENERIC/48000", "fmtp:97 mode=AAC-hbr; sizelength=13; config=1190"],
    );
    assert_eq!(format.rtpmap().as_deref(), Some("mpeg4-generic/48000/2"));
    assert_eq!(tolerances, [RtpmapChannels]);
}
