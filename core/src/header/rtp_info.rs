use std::fmt;

use super::HeaderError;
use super::params::{number, params};
use crate::limits::RTP_INFO_ENTRIES_MAX;
use crate::url::base::absolute_tail;
use crate::url::{Url, canonical};
use crate::{Tolerance, Tolerances};

const RTP_INFO: &str = "RTP-Info";

/// The value of an RTP-Info header: where each track's packets start (RFC 2326, section 12.33).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RtpInfo(pub Vec<RtpInfoEntry>);

/// The entry of an RTP-Info header for one track.
#[derive(Clone, Eq, PartialEq)]
pub struct RtpInfoEntry {
    /// The URL of the track as it was sent, often relative.
    pub url: Box<str>,
    /// The sequence number of the first packet, as it was sent; see [`first_sequence`](Self::first_sequence).
    pub seq: Option<u16>,
    /// The RTP timestamp of the start of the range.
    pub rtptime: Option<u32>,
}

debug_without_secrets!(RtpInfoEntry { url; seq, rtptime });

impl RtpInfo {
    /// Reads a value.
    ///
    /// A comma starts another entry only in front of `url=`, for URLs have commas too. Entries without URL are left
    /// out, and only the first [`RTP_INFO_ENTRIES_MAX`](crate::limits::RTP_INFO_ENTRIES_MAX) are read.
    ///
    /// # Errors
    ///
    /// If an entry is no parameter list, or none is left.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        let mut read = Vec::new();
        let mut entries = entries(value);
        for text in entries.by_ref().take(RTP_INFO_ENTRIES_MAX) {
            read.extend(read_entry(text, tolerances)?);
        }
        if entries.next().is_some() {
            tolerances.record(Tolerance::ElementsLeftOut);
        }
        if read.is_empty() {
            Err(HeaderError::Missing { header: RTP_INFO, what: "url" })
        } else {
            Ok(Self(read))
        }
    }

    /// The entry of the track that was set up with `track`.
    ///
    /// Servers write the URL of the SETUP, an absolute one with another host, a relative one, or leave the query
    /// out; so path and query count first, and then the last segment if no other entry has it.
    pub fn find(&self, track: &Url, tolerances: &mut Tolerances) -> Option<&RtpInfoEntry> {
        let tail = &*canonical(track.tail());
        self.0.iter().find(|entry| names_tail(&entry.url, tail)).or_else(|| {
            let is_same = |entry: &&RtpInfoEntry| last_segment(&canonical(&entry.url)) == last_segment(tail);
            let mut same = self.0.iter().filter(is_same);
            let only = same.next().filter(|_| same.next().is_none());
            only.inspect(|_| tolerances.record(Tolerance::RtpInfoLastSegment))
        })
    }
}

impl RtpInfoEntry {
    /// The sequence number of the first packet, where it can be believed.
    ///
    /// Hikvision DS-2CD2032-I and Tapo C320WS say 0 or 1 and start anywhere.
    pub fn first_sequence(&self) -> Option<u16> {
        self.seq.filter(|seq| *seq > 1)
    }
}

impl fmt::Display for RtpInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, entry) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            entry.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for RtpInfoEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.url.contains(';') { "\"" } else { "" };
        write!(f, "url={quote}{}{quote}", self.url)?;
        if let Some(seq) = self.seq {
            write!(f, ";seq={seq}")?;
        }
        if let Some(rtptime) = self.rtptime {
            write!(f, ";rtptime={rtptime}")?;
        }
        Ok(())
    }
}

fn entries(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.match_indices(',').map(|(at, _)| at).find(|at| {
            let next = text.get(*at..).and_then(|next| next.strip_prefix(',')).unwrap_or("").trim_start();
            next.get(..4).is_some_and(|key| key.eq_ignore_ascii_case("url="))
        });
        let (entry, behind) = text.split_at(end.unwrap_or(text.len()));
        rest = behind.get(1..);
        Some(entry.trim_matches([',', ' ', '\t']))
    })
}

fn read_entry(text: &str, tolerances: &mut Tolerances) -> Result<Option<RtpInfoEntry>, HeaderError> {
    let params = params(text, b';', RTP_INFO, tolerances)?;
    let value_of = |key| params.iter().find(|param| param.is(key)).map(|param| param.value.unwrap_or(""));
    let Some(url) = value_of("url").filter(|url| !url.is_empty()) else {
        if !params.is_empty() {
            tolerances.record(Tolerance::UnreadableParameter);
        }
        return Ok(None);
    };
    if absolute_tail(url).is_none() {
        tolerances.record(Tolerance::RelativeRtpInfoUrl);
    }
    let seq = value_of("seq").map(number);
    let rtptime = value_of("rtptime").map(number);
    if seq == Some(None) || rtptime == Some(None) {
        tolerances.record(Tolerance::UnreadableParameter);
    }
    Ok(Some(RtpInfoEntry { url: url.into(), seq: seq.flatten(), rtptime: rtptime.flatten() }))
}

fn names_tail(url: &str, tail: &str) -> bool {
    match absolute_tail(url) {
        Some(named) => canonical(named) == tail,
        None => {
            let url = &*canonical(url);
            tail.strip_suffix(url).is_some_and(|base| base.ends_with('/') || url.starts_with(['/', '?']))
        }
    }
}

fn last_segment(url: &str) -> &str {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests;
