//! Medias that belong together (RFC 5888).

use super::{Description, Media};

/// Medias that belong together (`a=group`, RFC 5888).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MediaGroup {
    /// In which way they do.
    pub semantics: GroupSemantics,
    /// The identifications of the medias, each the [`mid`](Media::mid) of one, in the order of the group.
    pub mids: Vec<String>,
}

/// In which way the medias of a group belong together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GroupSemantics {
    /// They are played in time with each other (`LS`, lip synchronization); a camera with several sensors tells their pictures so.
    LipSync,
    /// They are one flow in several forms, such as codecs (`FID`, flow identification).
    FlowIdentification,
    /// Anything else, such as `BUNDLE`.
    Other(Box<str>),
}

impl MediaGroup {
    /// A group of the medias with these identifications.
    pub fn new<M: Into<String>>(semantics: GroupSemantics, mids: impl IntoIterator<Item = M>) -> Self {
        Self { semantics, mids: mids.into_iter().map(Into::into).collect() }
    }

    /// Reads the value of the attribute: `LS 1 2`; `None` if it is empty.
    pub(super) fn read(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let semantics = GroupSemantics::from(words.next()?);
        Some(Self::new(semantics, words))
    }

    pub(super) fn to_value(&self) -> String {
        let words = std::iter::once(self.semantics.as_str()).chain(self.mids.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl GroupSemantics {
    /// The name as the attribute has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::LipSync => "LS",
            Self::FlowIdentification => "FID",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for GroupSemantics {
    fn from(name: &str) -> Self {
        match name {
            "LS" => Self::LipSync,
            "FID" => Self::FlowIdentification,
            _ => Self::Other(name.into()),
        }
    }
}

impl Description {
    /// The medias of a group with their track numbers, in the order of the group; one that the description does not have is left
    /// out.
    ///
    /// ```
    /// use rtspan_core::description::{Description, GroupSemantics};
    /// use rtspan_core::Tolerances;
    ///
    /// // A camera with two sensors (ONVIF Streaming Specification, section 5.4).
    /// let sdp = b"v=0\r\no=- 0 0 IN IP4 192.168.0.1\r\ns=Panorama\r\nt=0 0\r\na=group:LS 1 2\r\n\
    ///     m=video 0 RTP/AVP 97\r\na=mid:1\r\na=x-onvif-profile:North\r\n\
    ///     m=video 0 RTP/AVP 98\r\na=mid:2\r\na=x-onvif-profile:South\r\n";
    /// let description = Description::parse(sdp, &mut Tolerances::NONE)?;
    /// let group = &description.groups[0];
    /// assert_eq!(group.semantics, GroupSemantics::LipSync);
    /// let profiles = description.medias_of(group).map(|(track, media)| (track, media.onvif_profile.as_deref()));
    /// assert_eq!(profiles.collect::<Vec<_>>(), [(0, Some("North")), (1, Some("South"))]);
    /// # Ok::<(), rtspan_core::description::DescriptionError>(())
    /// ```
    pub fn medias_of<'a>(&'a self, group: &'a MediaGroup) -> impl Iterator<Item = (usize, &'a Media)> {
        let named = |mid: &'a String| {
            let mut medias = self.medias.iter().enumerate();
            medias.find(|(_, media)| media.mid.as_ref() == Some(mid))
        };
        group.mids.iter().filter_map(named)
    }

    /// Leaves medias that the description does not have any more out of its groups, and groups that have none.
    pub(crate) fn tidy_groups(&mut self) {
        let mids: Vec<&String> = self.medias.iter().filter_map(|media| media.mid.as_ref()).collect();
        self.groups.iter_mut().for_each(|group| group.mids.retain(|mid| mids.contains(&mid)));
        self.groups.retain(|group| !group.mids.is_empty());
    }
}
