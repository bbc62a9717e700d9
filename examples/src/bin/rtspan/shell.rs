//! What shells and `man` are told of the command line.

use std::fs;
use std::io::{self, Write as _};

use clap_mangen::Man;

use crate::Failure;
use crate::args::{self, CompletionsArgs, ManArgs};

/// Prints the script that completes the tool's commands, options and values in a shell.
pub(crate) fn completions(wanted: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(wanted.shell, &mut args::command(), "rtspan", &mut script);
    print(&script)
}

/// Prints the manual page of the tool, or writes one for it and each of its commands into a folder.
pub(crate) fn man(wanted: &ManArgs) -> Result<(), Failure> {
    let Some(dir) = &wanted.dir else {
        let mut page = Vec::new();
        // Memory takes everything.
        let _ = Man::new(args::command()).render(&mut page);
        return print(&page);
    };
    let write = || fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(args::command(), dir));
    write().map_err(|source| Failure::WriteIn { path: dir.clone(), source })
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::Output)
}
