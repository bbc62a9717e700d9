//! Completions for shells, and pages for `man`.

use std::fs;

use clap_mangen::Man;

use crate::Failure;
use crate::args::{self, CompletionsArgs, ManArgs};
use crate::output::document;

/// Prints the script that completes the tool's commands, options and values in a shell.
pub(crate) fn completions(wanted: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut args::command(), "rtspan", &mut script);
    print(&script);
    Ok(())
}

/// Prints the manual page of the tool, or writes one for it and each of its commands into a folder.
pub(crate) fn man(wanted: &ManArgs) -> Result<(), Failure> {
    let Some(dir) = &wanted.dir else {
        let mut page = Vec::new();
        // Memory takes everything.
        let _ = Man::new(args::command()).render(&mut page);
        print(&page);
        return Ok(());
    };
    let write = || fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(args::command(), dir));
    write().map_err(|source| Failure::WriteIn { path: dir.clone(), source })
}

/// The text that clap writes.
fn print(bytes: &[u8]) {
    document(String::from_utf8_lossy(bytes).into_owned());
}
