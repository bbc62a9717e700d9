use super::*;

fn read_back(format: &Format) -> Format {
    let written = Description::new(vec![Media::new(MediaKind::Audio, vec![format.clone()])]).to_sdp();
    let (mut description, tolerances) = read(written);
    assert_eq!(tolerances, [], "{format:?}");
    description.medias.remove(0).formats.remove(0)
}

#[test]
fn amr_latm_and_vorbis_are_written_as_they_are_read() {
    let identification = b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\x80\xb5\x01\0\0\0\0\0\xb8\x01";
    let headers =
        VorbisHeaders::new(0xfe_cdba, &identification[..], vec![3; 400], &b"\x05vorbis and more"[..])
            .unwrap();
    for (format, rtpmap, fmtp) in [
        (Format::amr(96, AmrPacking::OctetAligned), "AMR/8000", Some("octet-align=1")),
        (Format::amr_wb(96, AmrPacking::BandwidthEfficient), "AMR-WB/16000", None),
        (
            Format::latm(96, &[0x11, 0x90]).unwrap(),
            "MP4A-LATM/48000/2",
            Some("profile-level-id=1; cpresent=0; config=400023203fc0"),
        ),
        // AAC-LC of 22,050 Hz, mono, with SBR behind it, which LATM has no place for.
        (
            Format::latm(96, &[0x13, 0x88, 0x56, 0xe5, 0xa0]).unwrap(),
            "MP4A-LATM/22050/1",
            Some("profile-level-id=1; cpresent=0; config=400027103fc0"),
        ),
    ] {
        assert_eq!((format.rtpmap().as_deref(), format.fmtp.as_deref()), (Some(rtpmap), fmtp));
        assert!(!matches!(format.codec, Codec::Other));
        assert_eq!(read_back(&format), format);
    }
    let vorbis = Format::vorbis(96, &headers);
    assert_eq!(vorbis.rtpmap().as_deref(), Some("vorbis/44100/2"));
    assert!(matches!(&vorbis.codec, Codec::Vorbis(read) if read.headers[..] == [headers.clone()]));
    assert_eq!(read_back(&vorbis), vorbis);
    assert_eq!(VorbisHeaders::from_private(0xfe_cdba, &headers.to_private()), Ok(headers));
    for bad in [&identification[..29], &[0; 30]] {
        assert!(VorbisHeaders::new(0, bad.to_vec(), bytes::Bytes::new(), &b"\x05vorbis"[..]).is_err());
    }
    for cut in [0, 1, 2, 3, 20, 33] {
        let private =
            VorbisHeaders::new(1, &identification[..], bytes::Bytes::new(), &b"\x05vorbis"[..]).unwrap();
        assert!(VorbisHeaders::from_private(1, &private.to_private().slice(..cut)).is_err(), "{cut}");
    }
    assert!(Format::latm(96, &[0xff]).is_err());
}

#[test]
fn parameters_of_amr_are_read_as_devices_write_them() {
    let read = |fmtp: &str, rtpmap: &str| {
        let sdp = format!("v=0\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 {rtpmap}\r\na=fmtp:97 {fmtp}\r\n");
        let (description, tolerances) = read(sdp);
        let Codec::Amr(amr) = description.medias[0].formats[0].codec else { panic!("{rtpmap}") };
        (amr, tolerances.contains(&Tolerance::FmtpParameter), tolerances.contains(&Tolerance::FmtpValue))
    };
    // As 3GPP's first servers, Darwin and QuickTime write it.
    let (amr, is_bare, _) = read("octet-align", "AMR/8000/1");
    assert_eq!((amr.packing, amr.channels, is_bare), (AmrPacking::OctetAligned, 1, true));
    let (amr, is_bare, _) = read("mode-set=0,2,8; octet-align=0", "amr-wb/16000/2");
    assert_eq!((amr.packing, amr.channels, is_bare), (AmrPacking::BandwidthEfficient, 2, false));
    assert_eq!((amr.modes, amr.is_wideband), (Some(0b1_0000_0101), true));
    let (amr, _, is_unreadable) = read("mode-set=16; octet-align=yes; interleaving=7", "AMR/8000");
    assert!(is_unreadable && amr.modes.is_none());
    assert_eq!((amr.packing, amr.interleaving), (AmrPacking::OctetAligned, Some(7)));
}

#[test]
fn frames_of_amr_in_groups_of_none_are_not_interleaved() {
    // rtpamrpay of GStreamer 1.22.
    let fmtp = "fmtp:97 octet-align=1;crc=0;robust-sorting=0;interleaving=0";
    let (format, tolerances) = read_format("audio 0 RTP/AVP 97", &["rtpmap:97 AMR/8000/1", fmtp]);
    let Codec::Amr(amr) = format.codec else { panic!("not AMR") };
    assert_eq!((amr.packing, amr.interleaving), (AmrPacking::OctetAligned, None));
    assert_eq!(tolerances, [Tolerance::InterleavingOfNone]);
    assert!(crate::payload::Depacketizer::new(&format).is_ok());
}

#[test]
fn what_stands_behind_a_configuration_of_latm_may_be_missing() {
    let read = |config: &str| {
        let sdp = format!(
            "v=0\r\nm=audio 0 RTP/AVP 96\r\na=rtpmap:96 MP4A-LATM/44100/1\r\na=fmtp:96 cpresent=0; config={config}\r\n"
        );
        let (description, tolerances) = read(sdp);
        let Codec::Latm(latm) = &description.medias[0].formats[0].codec else { panic!("{config}") };
        (latm.clone(), tolerances)
    };
    // rtpmp4apay of GStreamer 1.22; then the same to its end.
    let (cut, tolerances) = read("40002410adca00");
    assert_eq!(tolerances, [Tolerance::LatmConfigCut]);
    let (whole, tolerances) = read("40002410adca000000");
    assert_eq!(tolerances, []);
    assert_eq!(cut, whole);
    // A camera that names a configuration and has none (reported to mediamtx).
    let (none, tolerances) = read("");
    assert!(none.config.is_none() && tolerances.contains(&Tolerance::FmtpValue));
}

#[test]
fn what_is_neither_picture_nor_sound_is_written_as_it_is_read() {
    let metadata = |coding| Format::onvif_metadata(96, coding);
    let redundant =
        |payload_types: &[u8]| Codec::Redundant(Redundant { payload_types: payload_types.to_vec() });
    for (format, rtpmap, fmtp, codec) in [
        (Format::mpeg_ts(), "MP2T/90000", None, Codec::MpegTs),
        (Format::klv(96), "SMPTE336M/90000", None, Codec::Klv),
        (
            metadata(MetadataCoding::Xml),
            "vnd.onvif.metadata/90000",
            None,
            Codec::OnvifMetadata(MetadataCoding::Xml),
        ),
        (
            metadata(MetadataCoding::Gzip),
            "vnd.onvif.metadata+gzip/90000",
            None,
            Codec::OnvifMetadata(MetadataCoding::Gzip),
        ),
        (
            metadata(MetadataCoding::Exi),
            "vnd.onvif.metadata.exi.ext/90000",
            None,
            Codec::OnvifMetadata(MetadataCoding::Exi),
        ),
        (Format::t140(96), "t140/1000", None, Codec::T140(T140 { characters_per_second: 30 })),
        (Format::redundant_text(96, 98, 2), "red/1000", Some("98/98/98"), redundant(&[98, 98, 98])),
        (Format::telephone_event(96, 8_000), "telephone-event/8000", Some("0-15"), Codec::TelephoneEvent),
    ] {
        assert_eq!((format.rtpmap().as_deref(), format.fmtp.as_deref()), (Some(rtpmap), fmtp));
        assert_eq!(format.codec, codec, "{rtpmap}");
        assert_eq!(read_back(&format), format);
    }
    let cps = Format::t140(96).with_fmtp("cps=150");
    assert_eq!(cps.codec, Codec::T140(T140 { characters_per_second: 150 }));
    let many = Format::new(96, "red", 1_000).with_fmtp("98/98/98/98/98/98/98/98/98/98/98");
    assert_eq!(many.codec, redundant(&[98; 9]), "eight are repeated at most");
    assert_eq!(Format::new(96, "red", 1_000).with_fmtp("98/x").codec, Codec::Other);
    for (name, coding) in [
        ("VND.ONVIF.METADATA.GZIP", MetadataCoding::Gzip),
        ("vnd.onvif.metadata.exi.onvif", MetadataCoding::Exi),
    ] {
        assert_eq!(Format::new(96, name, 90_000).codec, Codec::OnvifMetadata(coding));
    }
    assert_eq!(Format::new(96, "vnd.onvif.metadata.zip", 90_000).codec, Codec::Other);
    // gortsplib before version 5.
    let (description, tolerances) =
        read("v=0\r\nm=application 0 RTP/AVP 96\r\na=rtpmap:96 smtpe336m/90000\r\n");
    assert_eq!(description.medias[0].formats[0], Format::klv(96));
    assert_eq!(tolerances, [Tolerance::EncodingMisspelt]);
}

#[test]
fn sound_is_written_as_it_is_read() {
    let speech = Speech { silence_frames: true };
    for (format, payload_type, rtpmap, codec) in [
        (Format::pcmu(), 0, "PCMU/8000", Codec::G711(G711Law::Mu)),
        (Format::pcma(), 8, "PCMA/8000", Codec::G711(G711Law::A)),
        (Format::mpeg_audio(), 14, "MPA/90000", Codec::MpegAudio),
        (Format::ac3(96, 48_000, 6), 96, "AC3/48000/6", Codec::Ac3),
        (Format::eac3(96, 44_100, 2), 96, "eac3/44100/2", Codec::Eac3),
        (Format::gsm(), 3, "GSM/8000", Codec::Gsm),
        (Format::g723(), 4, "G723/8000", Codec::G723(speech)),
        (Format::g722(), 9, "G722/8000", Codec::G722),
        (Format::g729(), 18, "G729/8000", Codec::G729(speech)),
        (Format::pcm(96, 8, 8_000, 1), 96, "L8/8000/1", Codec::Pcm(Pcm { bits: 8 })),
        (Format::pcm(96, 16, 44_100, 2), 96, "L16/44100/2", Codec::Pcm(Pcm { bits: 16 })),
        (Format::pcm(96, 20, 48_000, 4), 96, "L20/48000/4", Codec::Pcm(Pcm { bits: 20 })),
        (Format::pcm(96, 24, 48_000, 8), 96, "L24/48000/8", Codec::Pcm(Pcm { bits: 24 })),
        (
            Format::g726(97, 2, G726Order::Rfc3551),
            97,
            "G726-16/8000",
            Codec::G726(G726 { bits: 2, order: G726Order::Rfc3551 }),
        ),
        (
            Format::g726(97, 3, G726Order::Aal2),
            97,
            "AAL2-G726-24/8000",
            Codec::G726(G726 { bits: 3, order: G726Order::Aal2 }),
        ),
        (
            Format::g726(97, 4, G726Order::Aal2),
            97,
            "AAL2-G726-32/8000",
            Codec::G726(G726 { bits: 4, order: G726Order::Aal2 }),
        ),
        (
            Format::g726(97, 5, G726Order::Rfc3551),
            97,
            "G726-40/8000",
            Codec::G726(G726 { bits: 5, order: G726Order::Rfc3551 }),
        ),
        (Format::ilbc(98, IlbcMode::Milliseconds20), 98, "iLBC/8000", Codec::Ilbc(IlbcMode::Milliseconds20)),
        (Format::ilbc(98, IlbcMode::Milliseconds30), 98, "iLBC/8000", Codec::Ilbc(IlbcMode::Milliseconds30)),
        (Format::speex(99, 16_000), 99, "speex/16000", Codec::Speex(Speex { variable_bitrate: false })),
    ] {
        assert_eq!((format.payload_type, format.rtpmap().as_deref()), (payload_type, Some(rtpmap)));
        assert_eq!(format.codec, codec, "{rtpmap}");
        assert_eq!(read_back(&format), format);
    }
}

#[test]
fn parameters_of_speech_are_read_in_any_case() {
    let codec = |encoding: &str, fmtp: &str| Format::new(97, encoding, 8_000).with_fmtp(fmtp).codec;
    assert_eq!(codec("g729", "annexb=no"), Codec::G729(Speech { silence_frames: false }));
    assert_eq!(codec("G723", "AnnexA=No"), Codec::G723(Speech { silence_frames: false }));
    assert_eq!(codec("ILBC", "mode=20"), Codec::Ilbc(IlbcMode::Milliseconds20));
    assert_eq!(codec("ilbc", ""), Codec::Ilbc(IlbcMode::Milliseconds30), "the default of RFC 3952");
    assert_eq!(codec("SPEEX", "vbr=vad"), Codec::Speex(Speex { variable_bitrate: true }));
    assert_eq!(codec("speex", "vbr=off"), Codec::Speex(Speex { variable_bitrate: false }));
    assert_eq!(codec("G726-48", ""), Codec::Other);
    let (format, tolerances) = read_format("audio 0 RTP/AVP 97", &["rtpmap:97 iLBC/8000", "fmtp:97 mode=25"]);
    assert_eq!(format.codec, Codec::Ilbc(IlbcMode::Milliseconds30));
    assert_eq!(tolerances, [Tolerance::FmtpValue]);
}

#[test]
fn opus_of_many_channels_says_of_what_they_are_made() {
    let format = Format::multiopus(96, 4, 2, &[0, 4, 1, 2, 3, 5]).unwrap();
    assert_eq!(format.rtpmap().as_deref(), Some("multiopus/48000/6"));
    assert_eq!(format.fmtp.as_deref(), Some("num_streams=4; coupled_streams=2; channel_mapping=0,4,1,2,3,5"));
    let Codec::Opus(opus) = &read_back(&format).codec else { panic!("{format:?}") };
    let streams = opus.streams.as_ref().unwrap();
    assert_eq!((opus.channels, streams.count, streams.coupled), (6, 4, 2));
    assert_eq!(&streams.mapping[..], [0, 4, 1, 2, 3, 5]);
    // More coupled streams than streams, no stream, a channel that none has, no channel; silence is one.
    assert_eq!(Format::multiopus(96, 1, 2, &[0]), Err(BadOpusStreams));
    assert_eq!(Format::multiopus(96, 0, 0, &[0]), Err(BadOpusStreams));
    assert_eq!(Format::multiopus(96, 1, 1, &[0, 2]), Err(BadOpusStreams));
    assert_eq!(Format::multiopus(96, 1, 1, &[]), Err(BadOpusStreams));
    assert!(Format::multiopus(96, 1, 1, &[0, 255]).is_ok());
    for fmtp in ["num_streams=4; coupled_streams=2", "num_streams=4; coupled_streams=2; channel_mapping=0,1"]
    {
        assert_eq!(Format::new(96, "multiopus", 48_000).with_channels(6).with_fmtp(fmtp).codec, Codec::Other);
    }
}

#[test]
fn headers_of_mpeg4_audio_have_the_fields_that_are_announced() {
    let fmtp = "streamtype=5; mode=generic; config=1190; sizeLength=16; CTSDeltaLength=7; dtsdeltalength=9; \
                randomAccessIndication=1; streamStateIndication=3; auxiliaryDataSizeLength=8; maxDisplacement=2048";
    let format = Format::new(96, "mpeg4-generic", 48_000).with_channels(2).with_fmtp(fmtp);
    let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("not AMR") };
    assert_eq!((audio.size_length, audio.index_length, audio.index_delta_length), (16, 0, 0));
    assert_eq!((audio.cts_delta_length, audio.dts_delta_length, audio.stream_state_length), (7, 9, 3));
    assert!(audio.random_access_indication);
    assert_eq!((audio.auxiliary_size_length, audio.max_displacement), (8, 2048));
    assert_eq!(audio.audio_config().map(|config| config.frame_length), Some(1024));
}

#[test]
fn a_comment_of_vorbis_that_is_left_out_is_one_that_says_nothing_in_a_file() {
    let identification = b"\x01vorbis\0\0\0\0\x01\x80\xbb\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xb8\x01";
    let headers =
        VorbisHeaders::new(7, &identification[..], bytes::Bytes::new(), &b"\x05vorbis"[..]).unwrap();
    let told = VorbisHeaders::from_private(7, &headers.to_private()).unwrap();
    assert_eq!((&told.identification, &told.setup), (&headers.identification, &headers.setup));
    // FFmpeg describes Vorbis without it, and GStreamer is not prepared for files without it.
    assert_eq!(told.comment, &b"\x03vorbis\0\0\0\0\0\0\0\0\x01"[..]);
}
