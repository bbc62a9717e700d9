//! The settings of a server: a file, and the options of the command line, which count more.

mod check;
mod difference;
mod faults;
mod file;
mod options;
mod paths;
mod plan;
mod server;
mod shown;
mod values;

use std::fs;
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) use faults::Fault;
pub(crate) use faults::Faults;
pub(crate) use file::{Api, File, HookSettings, PathSettings, Tls, Tunnels, Web};
pub(crate) use plan::{
    Account, Accounts, Camera, PathPlan, Pattern, Proof, Recording, Settings, Shelf, Source, path_name,
    trimmed,
};
pub(crate) use server::builder;
pub(crate) use values::{Ports, SecretText};

use crate::Failure;
use crate::args::ServeArgs;
use crate::users;
use faults::Reading;

/// A commented file with every setting.
pub(crate) const EXAMPLE: &str = include_str!("config/example.toml");

/// Where settings come from.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    args: ServeArgs,
}

impl Config {
    pub(crate) fn new(args: &ServeArgs) -> Self {
        Self { args: args.clone() }
    }

    /// The file, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.args.config.as_deref()
    }

    /// Reads and checks it all.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there are faults: all that there are.
    pub(crate) fn load(&self) -> Result<Settings, Failure> {
        let listed = self.args.users_file.as_deref().map(users::read).transpose()?;
        let given = self.args.users.iter().cloned().chain(listed.iter().flatten().cloned()).collect();
        // A list without users lets nobody in.
        let given = (listed.is_some() || !self.args.users.is_empty()).then_some(given);
        let Some(path) = self.file() else { return Ok(self.check("", Path::new(""), given)?) };
        let text = fs::read_to_string(path).map_err(|source| Failure::Read { path: path.into(), source })?;
        Ok(self.check(&text, path, given)?)
    }

    fn check(&self, text: &str, path: &Path, users: Option<Vec<Account>>) -> Result<Settings, Faults> {
        let mut reading = Reading::new(text);
        let mut file: File = reading.file();
        let base = path.parent().unwrap_or_else(|| Path::new(""));
        check::absolute(&mut file, base);
        options::overlay(&self.args, &mut file);
        let mut settings = check::check(file, &mut reading);
        options::add_accounts(&mut settings, users);
        options::add_nodes(&mut settings);
        options::add_paths(&self.args, &mut settings);
        check::check_patterns(&settings, &mut reading);
        settings.warnings = reading.warnings(path);
        reading.end(path)?;
        Ok(settings)
    }

    /// The plan of a path of these settings, beside those that there are.
    ///
    /// # Errors
    ///
    /// There are faults.
    pub(crate) fn path(
        &self,
        settings: &Settings,
        name: &str,
        path: &PathSettings,
    ) -> Result<PathPlan, Faults> {
        let mut path = path.clone();
        let base = self.file().and_then(Path::parent);
        path.begin_at(base.unwrap_or_else(|| Path::new("")));
        let mut reading = Reading::new("");
        let plan = check::path(settings, name, &path, &mut reading);
        reading.end(Path::new("the new path"))?;
        plan.ok_or_else(|| Faults { file: PathBuf::from(name), faults: Vec::new() })
    }
}

#[cfg(test)]
mod tests;
