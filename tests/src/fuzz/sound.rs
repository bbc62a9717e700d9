//! Sound of every format: whatever comes together from packets survives the packetizer.

use rtspan_core::Format;
use rtspan_core::description::{AmrPacking, G726Order, IlbcMode, VorbisHeaders};
use rtspan_core::payload::{AccessUnit, Depacketizer, Packetizer, PacketizerConfig};

use super::units::for_each_unit;

/// The formats, of which the first byte of the input chooses one.
fn formats() -> Vec<Format> {
    let aac = |fmtp: &str| Format::new(96, "mpeg4-generic", 48_000).with_channels(2).with_fmtp(fmtp);
    vec![
        Format::g722(),
        Format::g723(),
        Format::g726(96, 3, G726Order::Rfc3551),
        Format::g726(96, 5, G726Order::Aal2),
        Format::g729(),
        Format::gsm(),
        Format::ilbc(96, IlbcMode::Milliseconds20),
        Format::pcm(96, 20, 48_000, 3),
        Format::pcm(96, 24, 48_000, 2),
        Format::speex(96, 16_000),
        aac("mode=AAC-hbr; config=1190; sizelength=13; indexlength=3; indexdeltalength=3"),
        aac("mode=AAC-lbr; config=1190; sizelength=6; indexlength=2; indexdeltalength=2"),
        aac("mode=generic; config=1190; sizelength=9; ctsdeltalength=7; dtsdeltalength=3; \
             randomaccessindication=1; streamstateindication=2; auxiliarydatasizelength=4"),
        Format::opus(96, true),
        Format::mpeg_audio(),
        Format::ac3(96, 48_000, 2),
        Format::eac3(96, 48_000, 2),
        Format::amr(96, AmrPacking::BandwidthEfficient),
        Format::amr(96, AmrPacking::OctetAligned),
        Format::amr_wb(96, AmrPacking::BandwidthEfficient).with_channels(2),
        Format::amr_wb(96, AmrPacking::OctetAligned),
        Format::latm(96, &[0x11, 0x90]).expect("a configuration"),
        Format::new(96, "MP4A-LATM", 48_000).with_fmtp("cpresent=1; config=420023203fc0"),
        Format::vorbis(96, &vorbis()),
    ]
}

/// Headers with two modes, of short and of long blocks.
fn vorbis() -> VorbisHeaders {
    let identification = b"\x01vorbis\0\0\0\0\x02\x44\xac\0\0\0\0\0\0\x80\xb5\x01\0\0\0\0\0\xb8\x01";
    let setup = b"\x05vorbis\x24\x01\0\x80\0\x02\0\0\0\0\x20\x80\0\x04\x04\x04\0\0\0\0\0\x02\0\0\0\x04\x04";
    VorbisHeaders::new(0xfe_cdba, &identification[..], Vec::new(), &setup[..]).expect("headers")
}

/// Takes the bytes as `for_each_unit` does.
pub fn run(data: &[u8]) {
    for_each_unit(data, formats(), 960, check);
}

fn check(format: &Format, unit: &AccessUnit, packet_bytes_max: usize) {
    let config = PacketizerConfig { packet_bytes_max, ..PacketizerConfig::new(96, 7, 65_530) };
    let mut packetizer = Packetizer::new(format, config).expect("it is supported");
    let mut depacketizer = Depacketizer::new(format).expect("it is supported");
    let (mut back, mut first) = (Vec::new(), None);
    let mut failed = false;
    let sent = packetizer.packetize(unit.parts.slices(), unit.timestamp, |packet| {
        failed |= depacketizer.push(&packet, 0).is_err();
        while let Some(again) = depacketizer.poll() {
            first.get_or_insert(again.timestamp);
            back.extend_from_slice(&again.parts.to_bytes());
        }
    });
    // A unit that is read leniently is written as it was read, and may be read otherwise then.
    if sent.is_ok() && depacketizer.take_tolerances().is_empty() {
        assert!(!failed);
        assert_eq!((first, back), (Some(unit.timestamp), unit.parts.to_bytes().to_vec()));
    }
}
