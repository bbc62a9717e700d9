//! Boxes, where their contents are not those of one atom.

use mp4_atom::Error;

/// Bytes of a file.
pub(super) type Bytes = Vec<u8>;

/// Writes a box of this name, with what `content` writes.
pub(super) fn write_box(
    bytes: &mut Bytes,
    name: &[u8; 4],
    content: impl FnOnce(&mut Bytes) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut inner = Bytes::new();
    content(&mut inner)?;
    bytes.extend(boxed(name, &inner).ok_or_else(|| Error::TooLarge(name.into()))?);
    Ok(())
}

/// A box of this name; `None` if it is larger than a box can be.
pub(super) fn boxed(name: &[u8; 4], content: &[u8]) -> Option<Bytes> {
    let size = u32::try_from(content.len()).ok()?.checked_add(8)?;
    Some([&size.to_be_bytes()[..], name, content].concat())
}
