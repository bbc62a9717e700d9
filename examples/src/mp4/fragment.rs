//! The boxes of a fragment.

use std::time::Duration;

use mp4_atom::{Mfhd, Moof, Prft, ReferenceTime, Tfdt, Tfhd, Traf, Trun, TrunEntry};
use rtspan_core::NtpTime;
use rtspan_core::frame::Frame;

use super::{Media, agree, clock_zero, to_units};

/// The flags of a sample that needs no other, and of one that does (ISO/IEC 14496-12, section 8.8.3.1).
const IS_KEYFRAME: u32 = 0x0200_0000;
const NEEDS_OTHERS: u32 = 0x0101_0000;
/// How much later than its time a frame is decoded at most to be presented later as well, in nanoseconds.
const NEARLY: i64 = 1_000_000;

/// The clocks of a fragment, its samples, and the frames in the order in which their data follow. Times are counted from
/// `origin`; `next` is the frame behind all of these.
pub(super) fn of<'a>(
    medias: &mut [Media],
    number: u32,
    origin: i64,
    frames: &'a [Frame],
    next: Option<&Frame>,
) -> (Vec<Prft>, Moof, Vec<&'a Frame>) {
    let mut moof = Moof { mfhd: Mfhd { sequence_number: number }, traf: Vec::new() };
    let mut data: Vec<&Frame> = Vec::with_capacity(frames.len());
    let (mut clocks, mut told) = (Vec::new(), None);
    for media in medias {
        let Some(track) = media.track else { continue };
        let its: Vec<&Frame> = frames.iter().filter(|frame| frame.media == media.index).collect();
        let Some(first) = its.first() else { continue };
        let zero = clock_zero(first);
        if zero.is_some() && (told.is_none() || !agree(told, zero)) {
            told = told.or(zero);
            clocks.extend(clock(media.timescale, origin, track, first));
        }
        let next = next.filter(|next| next.media == media.index);
        let (start, samples) = samples(media, origin, &its, next);
        moof.traf.push(Traf {
            tfhd: Tfhd { track_id: track, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: start }),
            trun: vec![Trun { data_offset: Some(0), samples: samples.into() }],
            ..Traf::default()
        });
        data.extend(its);
    }
    (clocks, moof, data)
}

/// The wall clock time at which a frame of a track was recorded.
fn clock(timescale: u32, origin: i64, track: u32, frame: &Frame) -> Option<Prft> {
    let media_time = to_units(frame.time.pts - origin, timescale).max(0);
    // That of the media time, which is not always the frame's.
    let shown = i128::from(media_time) * 1_000_000_000 / i128::from(timescale.max(1));
    let wall = i128::from(clock_zero(frame)?) + i128::from(origin) + shown;
    Some(Prft {
        reference_track_id: track,
        ntp_timestamp: NtpTime::from_unix(Duration::from_nanos(u64::try_from(wall).ok()?)).to_bits(),
        media_time: media_time.unsigned_abs(),
        utc_time_semantics: ReferenceTime::Input,
    })
}

/// The decoding time of the first of a media's frames, and the samples of all.
///
/// Each is decoded a tick after the one before at least, and none before the file's origin. A frame that comes too late for that is
/// decoded later and presented at its time; one that is [nearly](NEARLY) in time is presented so much later as well.
fn samples(media: &mut Media, origin: i64, its: &[&Frame], next: Option<&Frame>) -> (u64, Vec<TrunEntry>) {
    let units = |nanos: i64| to_units(nanos.saturating_sub(origin), media.timescale);
    let mut least = media.last.map_or(0, |last| last + 1);
    let mut decoded = |frame: &&Frame| {
        let start = units(frame.dts).max(least);
        least = start + 1;
        start
    };
    let starts: Vec<i64> = its.iter().map(&mut decoded).collect();
    let last = starts.last().copied().unwrap_or_default();
    let before = starts.len().checked_sub(2).and_then(|at| starts.get(at)).copied();
    // The last frame of all lasts as long as the one before it.
    let end = next.as_ref().map_or_else(|| last + before.map_or(0, |before| last - before), &mut decoded);
    let ends = starts.iter().skip(1).copied().chain([end]);
    let entries = its.iter().zip(&starts).zip(ends).map(|((frame, start), end)| {
        let late = start - units(frame.dts);
        let shown = units(frame.time.pts) + if late <= to_units(NEARLY, media.timescale) { late } else { 0 };
        TrunEntry {
            duration: u32::try_from(end - start).ok().or(Some(0)),
            size: u32::try_from(frame.data.total_bytes()).ok(),
            flags: Some(if frame.is_keyframe { IS_KEYFRAME } else { NEEDS_OTHERS }),
            cts: Some(shown - start),
        }
    });
    let entries = entries.collect();
    media.last = Some(last);
    (starts.first().copied().unwrap_or_default().unsigned_abs(), entries)
}
