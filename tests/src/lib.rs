//! What the tests of the whole library share.
