use super::*;

fn read_back(format: &Format) -> Format {
    let written = Description::new(vec![Media::new(MediaKind::Audio, vec![format.clone()])]).to_sdp();
    let (mut description, tolerances) = read(written);
    assert_eq!(tolerances, [], "{format:?}");
    description.medias.remove(0).formats.remove(0)
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
    let Codec::Mpeg4Audio(audio) = &format.codec else { panic!("{format:?}") };
    assert_eq!((audio.size_length, audio.index_length, audio.index_delta_length), (16, 0, 0));
    assert_eq!((audio.cts_delta_length, audio.dts_delta_length, audio.stream_state_length), (7, 9, 3));
    assert!(audio.random_access_indication);
    assert_eq!((audio.auxiliary_size_length, audio.max_displacement), (8, 2048));
    assert_eq!(audio.audio_config().map(|config| config.frame_length), Some(1024));
}
