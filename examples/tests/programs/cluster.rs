//! Nodes of a cluster as processes, with real registries, and what their readers see of a stream whose pictures carry numbers.

mod failures;
mod figures;
mod pictures;
mod publishers;
mod readers;
mod registries;
mod sources;
