//! The medias that are played or published.

use super::Client;
use crate::description::{Description, Media, MediaKind};

/// The medias of a description that are played or published: all by default, those of some kinds, or those with some
/// indices.
///
/// ```
/// use rtspan_core::client::MediaChoice;
/// use rtspan_core::{Format, Media, MediaKind};
///
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
/// assert!(MediaChoice::default().has(0, &sound));
/// assert!(MediaChoice::from([MediaKind::Video, MediaKind::Audio]).has(0, &sound));
/// assert!(!MediaChoice::from([1, 2]).has(0, &sound));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MediaChoice(Chosen);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Chosen {
    #[default]
    All,
    Kinds(Vec<MediaKind>),
    Indices(Vec<usize>),
}

impl MediaChoice {
    /// Returns true for a media that is chosen.
    pub fn has(&self, index: usize, media: &Media) -> bool {
        match &self.0 {
            Chosen::All => true,
            Chosen::Kinds(kinds) => kinds.contains(&media.kind),
            Chosen::Indices(indices) => indices.contains(&index),
        }
    }

    /// A description of those that are to be published: their indices are counted anew, from zero.
    pub fn to_publish(&self, mut description: Description) -> Description {
        if self.0 != Chosen::All {
            let all = std::mem::take(&mut description.medias);
            let medias = all.iter().enumerate().filter(|(index, media)| self.has(*index, media));
            description.medias = medias.map(|(_, media)| media.clone()).collect();
        }
        description
    }
}

impl Client {
    /// The indices of the chosen medias of the description, in its order.
    ///
    /// Back channels that are [wanted](super::ClientConfig::back_channel) are among them for any choice of kinds. Those that
    /// are not are among them only where they are chosen by their index.
    pub fn chosen_medias(&self, choice: &MediaChoice) -> Vec<usize> {
        let medias =
            self.description().into_iter().flat_map(|description| description.medias.iter().enumerate());
        let is_chosen = |index: usize, media: &Media| match choice.0 {
            Chosen::Indices(_) => choice.has(index, media),
            _ if self.is_back_channel(index) => true,
            _ => choice.has(index, media) && self.default_medias().any(|media| media == index),
        };
        medias.filter(|(index, media)| is_chosen(*index, media)).map(|(index, _)| index).collect()
    }
}

impl From<Vec<MediaKind>> for MediaChoice {
    fn from(kinds: Vec<MediaKind>) -> Self {
        Self(Chosen::Kinds(kinds))
    }
}

impl From<MediaKind> for MediaChoice {
    fn from(kind: MediaKind) -> Self {
        vec![kind].into()
    }
}

impl<const N: usize> From<[MediaKind; N]> for MediaChoice {
    fn from(kinds: [MediaKind; N]) -> Self {
        Vec::from(kinds).into()
    }
}

impl From<Vec<usize>> for MediaChoice {
    fn from(indices: Vec<usize>) -> Self {
        Self(Chosen::Indices(indices))
    }
}

impl<const N: usize> From<[usize; N]> for MediaChoice {
    fn from(indices: [usize; N]) -> Self {
        Vec::from(indices).into()
    }
}
