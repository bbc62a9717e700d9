//! Makes settings of a file, and finds all that is wrong with it.

use std::path::Path;
use std::time::Duration;

use rtspan_examples::hooks::UnknownMoment;
use rtspan_examples::http::check_token;
use rtspan_std::Action;
use rtspan_std::WithCauses;

use super::faults::{Reading, nearest};
use super::file::{File, PathSettings, Record, RecordChoice, Rights, User, Web};
use super::paths::Paths;
use super::plan::{Account, Accounts, PathPlan, Pattern, Proof, Recording, Settings, trimmed};
use super::values::SecretText;
use crate::secure;
use crate::serve::cluster::ClusterPlan;

/// How long files of a recording are if nothing is said.
pub(super) const SEGMENT: Duration = Duration::from_secs(60);

/// Checks a file.
pub(super) fn check(file: File, reading: &mut Reading<'_>) -> Settings {
    check_server(&file, reading);
    check_hooks(&file, reading);
    let accounts = accounts(&file, reading);
    if file.record != Record::default() && recording(&Record::default(), &file.record).is_none() {
        reading.fault(&["record"], "a recording needs a folder");
    }
    let mut paths = Paths { record: file.record.clone(), reading, plans: Vec::new() };
    for (name, settings) in &file.paths {
        paths.add(name, settings);
    }
    if file.paths.is_empty() {
        // Without any, everybody may publish everywhere.
        paths.add("*", &PathSettings::default());
    }
    let paths = paths.end();
    let cluster = ClusterPlan::of(&file).unwrap_or_else(|(key, message)| {
        reading.fault(&["cluster", key], message);
        None
    });
    Settings { file, accounts, paths, cluster, lines: reading.lines(), warnings: Vec::new() }
}

/// Checks one more path.
pub(super) fn path(
    settings: &Settings,
    name: &str,
    path: &PathSettings,
    reading: &mut Reading<'_>,
) -> Option<PathPlan> {
    let plans = settings.paths.clone();
    let mut paths = Paths { record: settings.file.record.clone(), reading, plans };
    let before = paths.plans.len();
    paths.add(name, path);
    let plan = paths.plans.get(before).cloned();
    paths.end();
    plan
}

/// Paths of files begin at the folder of the file.
pub(super) fn absolute(file: &mut File, base: &Path) {
    let all = [&mut file.tls.certificate, &mut file.tls.key, &mut file.record.folder, &mut file.cluster.ca];
    all.into_iter().flatten().for_each(|path| *path = base.join(&*path));
    let passwords = file.users.iter_mut().flat_map(|user| [&mut user.password, &mut user.token]);
    let tokens = file.api.iter_mut().map(|api| &mut api.token);
    let tokens = tokens.chain([&mut file.cluster.secret]);
    passwords.chain(tokens).flatten().for_each(|secret| secret.begin_at(base));
    file.paths.values_mut().for_each(|settings| settings.begin_at(base));
}

impl PathSettings {
    /// Has the paths of its files begin at a folder.
    pub(super) fn begin_at(&mut self, base: &Path) {
        if let Some(RecordChoice::So(Record { folder: Some(folder), .. })) = &mut self.record {
            *folder = base.join(&*folder);
        }
        let all = [&mut self.film, &mut self.looped, &mut self.films, &mut self.recordings];
        all.into_iter().flatten().for_each(|path| *path = base.join(&*path));
        [&mut self.password, &mut self.token].into_iter().flatten().for_each(|secret| secret.begin_at(base));
    }
}

fn check_server(file: &File, reading: &mut Reading<'_>) {
    if file.listen.as_ref().is_some_and(Vec::is_empty) {
        reading.fault(&["listen"], "a server listens on one address at least, such as \":8554\"");
    }
    let listen = file.listen.as_deref().unwrap_or_default();
    for (place, addr) in listen.iter().enumerate() {
        let number = place.to_string();
        if listen[..place].contains(addr) {
            reading.fault(&["listen", &number], format_args!("{} is there twice", **addr));
        }
        let metrics = file.metrics.as_ref().map(|own| own.0.clone());
        for (keys, own) in [(&["metrics"][..], metrics), (&["web", "listen"], file.web.as_ref().map(Web::at))]
        {
            if own.is_some_and(|own| own == addr.0) && addr.port() != 0 {
                reading.fault(keys, format_args!("{} is where players are listened for", **addr));
            }
        }
    }
    let tls = &file.tls;
    match (&tls.certificate, &tls.key, &tls.self_signed) {
        (Some(_), None, _) => reading.fault(&["tls", "certificate"], "a certificate needs its key"),
        (None, Some(_), _) => reading.fault(&["tls", "key"], "a key needs its certificate"),
        (Some(_), Some(_), Some(_)) => {
            reading.fault(&["tls", "self_signed"], "there is a certificate; leave out one of the two");
        }
        (None, None, None) if tls.required == Some(true) => {
            reading
                .fault(&["tls", "required"], "TLS needs a certificate: certificate and key, or self_signed");
        }
        _ => {
            if let Err(error) = secure::certificate(tls) {
                let at = if tls.self_signed.is_some() { "self_signed" } else { "certificate" };
                reading.fault(&["tls", at], WithCauses(&error));
            }
        }
    }
    let groups = (!file.multicast.groups.is_empty()).then(|| file.multicast.settings());
    if let Some(Err(error)) = groups {
        reading.fault(&["multicast", "groups"], error);
    }
    if file.udp.pairs == Some(0) {
        reading.fault(&["udp", "pairs"], "media needs one pair of ports at least");
    }
    if file.limits.address_share == Some(0) {
        reading.fault(&["limits", "address_share"], "one part in 1 is all; 0 is none");
    }
}

/// The control interface, and what is done when something happens.
fn check_hooks(file: &File, reading: &mut Reading<'_>) {
    if let Some(api) = &file.api {
        match api.token.as_ref().map(SecretText::resolve).transpose() {
            Err(error) => reading.fault(&["api", "token"], WithCauses(&error)),
            Ok(token) => {
                if let Err(refusal) = api.guard(token) {
                    let key = if api.token.is_some() { "token" } else { "listen" };
                    reading.fault(&["api", key], refusal);
                }
            }
        }
    }
    for (place, hook) in file.hooks.iter().enumerate() {
        let number = place.to_string();
        if hook.on.is_empty() {
            reading.fault(&["hooks", &number], format_args!("on is missing: {UnknownMoment}"));
        }
        let given = [hook.run.is_some(), hook.shell.is_some(), hook.url.is_some()];
        let is_http = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if given.into_iter().filter(|is| *is).count() != 1 {
            reading.fault(&["hooks", &number], "a hook has one of run, shell and url");
        } else if hook.run.as_ref().is_some_and(Vec::is_empty) {
            reading.fault(&["hooks", &number, "run"], "expected a program and its arguments");
        } else if !hook.url.as_ref().is_none_or(is_http) {
            reading.fault(&["hooks", &number, "url"], "expected http:// or https://");
        }
    }
}

fn accounts(file: &File, reading: &mut Reading<'_>) -> Accounts {
    let anyone = rights(&file.anyone);
    if file.users.is_empty() {
        let users = (file.anyone != Rights::default()).then(Vec::new);
        return Accounts { users, anyone };
    }
    let mut accounts: Vec<Account> = Vec::new();
    for (place, user) in file.users.iter().enumerate() {
        let place = place.to_string();
        let keys = |key| ["users", &*place, key];
        if user.name.is_empty() || user.name.contains(':') {
            reading.fault(&keys("name"), "a user needs a name, without a colon");
        }
        if accounts.iter().any(|other| other.name == user.name) {
            reading.fault(&keys("name"), format_args!("there are two users {:?}", user.name));
        }
        let proof = proof(user).unwrap_or_else(|(key, message)| {
            reading.fault(&keys(key), message);
            Proof::Password(String::new())
        });
        if accounts.iter().any(|other| matches!(proof, Proof::Token(_)) && other.proof == proof) {
            reading.fault(&keys("token"), "another user has this token");
        }
        let User { name, read, publish, speak, .. } = user.clone();
        let rights = rights(&Rights { read, publish, speak });
        if rights.is_empty() {
            let nothing =
                "the user may do nothing: name paths in read, publish or speak, such as read = [\"*\"]";
            reading.fault(&keys("name"), nothing);
        }
        accounts.push(Account { name, proof, rights });
    }
    Accounts { users: Some(accounts), anyone }
}

/// The password of a user, or its token; the key that is wrong, and why.
fn proof(user: &User) -> Result<Proof, (&'static str, String)> {
    let resolve = |key: &'static str, secret: &SecretText| {
        secret.resolve().map_err(|error| (key, WithCauses(&error).to_string()))
    };
    match (&user.password, &user.token) {
        (Some(_), Some(_)) => {
            Err(("token", "a user has a password or a token; leave out one of them".to_owned()))
        }
        (None, None) => {
            let message = "a user needs a password or a token; what anybody may do stands in [anyone]";
            Err(("password", message.to_owned()))
        }
        (Some(password), None) => match resolve("password", password)? {
            empty if empty.is_empty() => {
                Err(("password", "the password is empty; what anybody may do stands in [anyone]".to_owned()))
            }
            password => Ok(Proof::Password(password)),
        },
        (None, Some(token)) => {
            let token = resolve("token", token)?;
            check_token(&token).map_err(|refusal| ("token", refusal.to_string()))?;
            Ok(Proof::Token(token))
        }
    }
}

/// Warns of patterns of users and hooks that no path matches. The control interface may add one later.
pub(super) fn check_patterns(settings: &Settings, reading: &mut Reading<'_>) {
    let file = &settings.file;
    let mut check = |keys: &[&str], paths: &str| {
        let Ok(pattern) = Pattern::new(paths) else { return };
        if settings.paths.iter().any(|plan| plan.pattern.meets(&pattern)) {
            return;
        }
        let names: Vec<_> = settings.paths.iter().map(|plan| plan.pattern.to_string()).collect();
        let nearest = nearest(trimmed(paths), names.iter().map(String::as_str));
        let meant = nearest.map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
        reading.doubt(keys, format_args!("there is no path {paths:?}{meant}"));
    };
    let mut check_rights = |owner: &[&str], rights: [(&str, &[String]); 3]| {
        for (key, all) in rights {
            for (place, paths) in all.iter().enumerate() {
                check(&[owner, &[key, &place.to_string()]].concat(), paths);
            }
        }
    };
    for (place, user) in file.users.iter().enumerate() {
        let rights = [("read", &*user.read), ("publish", &*user.publish), ("speak", &*user.speak)];
        check_rights(&["users", &place.to_string()], rights);
    }
    let Rights { read, publish, speak } = &file.anyone;
    check_rights(&["anyone"], [("read", read), ("publish", publish), ("speak", speak)]);
    for (place, hook) in file.hooks.iter().enumerate() {
        let paths = hook.paths.as_deref();
        paths.into_iter().for_each(|paths| check(&["hooks", &place.to_string(), "paths"], paths));
    }
}

fn rights(given: &Rights) -> Vec<(Action, String)> {
    let all = [(Action::Read, &given.read), (Action::Publish, &given.publish), (Action::Speak, &given.speak)];
    let each =
        all.into_iter().flat_map(|(action, paths)| paths.iter().map(move |paths| (action, pattern(paths))));
    each.collect()
}

/// A pattern of paths as servers know it: with a slash in front, where no star is.
fn pattern(paths: &str) -> String {
    if paths.starts_with('*') { paths.to_owned() } else { format!("/{}", trimmed(paths)) }
}

/// How it is recorded; `None` if no folder is named.
pub(super) fn recording(own: &Record, default: &Record) -> Option<Recording> {
    Some(Recording {
        folder: own.folder.clone().or_else(|| default.folder.clone())?,
        segment: own.segment.or(default.segment).map_or(SEGMENT, |span| span.0),
        keep: own.keep.or(default.keep).map(|size| size.0),
        keep_for: own.keep_for.or(default.keep_for).map(|span| span.0),
    })
}

/// Two paths may be recorded to one folder if they agree how.
pub(super) fn agree(plans: &[PathPlan], recording: &Recording) -> bool {
    let others = plans.iter().filter_map(|plan| plan.record.as_ref());
    others.filter(|other| other.folder == recording.folder).all(|other| other == recording)
}

/// The recording of a path: as it says itself, or as all are.
pub(super) fn choice(settings: &PathSettings, default: &Record) -> Option<Option<Recording>> {
    match &settings.record {
        Some(RecordChoice::Is(false)) => None,
        Some(RecordChoice::Is(true)) => Some(recording(&Record::default(), default)),
        Some(RecordChoice::So(own)) => Some(recording(own, default)),
        None if default.all == Some(true) => Some(recording(&Record::default(), default)),
        None => None,
    }
}
