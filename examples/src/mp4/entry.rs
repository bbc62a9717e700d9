use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{
    Atom, Audio, Av01, Av1c, Avc1, Avcc, Codec as SampleEntry, Dops, Esds, Hvc1, Hvcc, Mp4a, Opus, Visual,
    Vp09, VpcC,
};
use rtspan_core::Codec;
use rtspan_core::payload::Parameters;

/// MPEG-4 audio, and the stream type of sound (ISO/IEC 14496-1, tables 5 and 6).
const MPEG4_AUDIO: u8 = 0x40;
const AUDIO_STREAM: u8 = 5;

/// How MP4 describes a media; `None` if it does not keep it, or too little is known.
pub(super) fn sample_entry(parameters: &Parameters) -> Option<SampleEntry> {
    let configuration = parameters.configuration.as_deref()?;
    match &parameters.format.codec {
        Codec::H264(_) => {
            let avcc = Avcc::decode_body(&mut &*configuration).ok()?;
            Some(Avc1 { visual: visual(parameters)?, avcc, ..Avc1::default() }.into())
        }
        Codec::H265(_) => {
            let hvcc = Hvcc::decode_body(&mut &*configuration).ok()?;
            Some(Hvc1 { visual: visual(parameters)?, hvcc, ..Hvc1::default() }.into())
        }
        Codec::Av1(_) => {
            let av1c = Av1c::decode_body(&mut &*configuration).ok()?;
            Some(Av01 { visual: visual(parameters)?, av1c, ..Av01::default() }.into())
        }
        Codec::Vp9(_) => {
            let vpcc = VpcC::decode_body(&mut &*configuration).ok()?;
            Some(
                Vp09 { visual: visual(parameters)?, vpcc, btrt: None, colr: None, pasp: None, spatial: None }
                    .into(),
            )
        }
        Codec::Mpeg4Audio(_) => {
            Some(Mp4a { audio: audio(parameters)?, esds: esds(configuration), btrt: None, taic: None }.into())
        }
        Codec::Opus(_) => {
            let dops = Dops::decode_body(&mut &*configuration).ok()?;
            Some(Opus { audio: audio(parameters)?, dops, btrt: None }.into())
        }
        _ => None,
    }
}

fn visual(parameters: &Parameters) -> Option<Visual> {
    let video = parameters.video?;
    let side = |side: u32| u16::try_from(side).ok();
    let (width, height) = (side(video.width)?, side(video.height)?);
    Some(Visual { data_reference_index: 1, width, height, ..Visual::default() })
}

fn audio(parameters: &Parameters) -> Option<Audio> {
    let audio = parameters.audio?;
    // Rates beyond 16 bits stand in the configuration.
    let sample_rate = u16::try_from(audio.sample_rate).unwrap_or(0).into();
    Some(Audio {
        data_reference_index: 1,
        channel_count: audio.channels.into(),
        sample_size: 16,
        sample_rate,
    })
}

fn esds(configuration: &[u8]) -> Esds {
    let dec_config = DecoderConfig {
        object_type_indication: MPEG4_AUDIO,
        stream_type: AUDIO_STREAM,
        up_stream: 0,
        buffer_size_db: Default::default(),
        max_bitrate: 0,
        avg_bitrate: 0,
        dec_specific: Some(DecoderSpecific {
            profile: 0,
            freq_index: 0,
            chan_conf: 0,
            raw: configuration.to_vec(),
        }),
    };
    let es_desc = EsDescriptor {
        es_id: 0,
        depends_on_es_id: None,
        url: None,
        ocr_es_id: None,
        stream_priority: 0,
        dec_config,
        sl_config: SLConfig::default(),
    };
    Esds { es_desc }
}
