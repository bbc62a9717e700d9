//! Settings as they are shown: without what may be secret in them.

use rtspan_std::without_secrets;
use serde::{Serialize, Serializer};

const HIDDEN: &str = "***";

/// A URL without its user, its password and its query.
pub(super) fn url<S: Serializer>(url: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    url.as_deref().map(of_url).serialize(to)
}

/// The scheme and the host of an address that is told: those who receive hooks have their secret in the path.
pub(super) fn host<S: Serializer>(url: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let host = |url: &str| {
        let shown = of_url(url);
        let start = shown.find("://").map_or(0, |at| at + 3);
        match shown[start..].find('/') {
            Some(end) if start + end + 1 < shown.len() => format!("{}/{HIDDEN}", &shown[..start + end]),
            _ => shown,
        }
    };
    url.as_deref().map(host).serialize(to)
}

/// A program and its arguments.
pub(super) fn command<S: Serializer>(command: &Option<Vec<String>>, to: S) -> Result<S::Ok, S::Error> {
    command.as_deref().map(of_command).serialize(to)
}

/// A script for the shell: of a line that has a secret in it, only what stands in front.
pub(super) fn script<S: Serializer>(script: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    script.as_deref().map(of_script).serialize(to)
}

fn of_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let user = authority.rsplit_once('@');
    let (user, host) = user.map_or(("", authority), |(_, host)| ("***@", host));
    format!("{scheme}://{user}{host}{path}{query}")
}

fn of_command(command: &[String]) -> Vec<String> {
    let mut is_told = false;
    let shown = command.iter().map(|word| {
        if std::mem::replace(&mut is_told, tells_secret(word)) {
            return HIDDEN.to_owned();
        }
        match named(word) {
            Some(name) => format!("{name}{HIDDEN}"),
            None => without_secrets(word),
        }
    });
    shown.collect()
}

fn of_script(script: &str) -> String {
    let line = |line: &str| {
        let mut end = 0;
        for word in line.split_inclusive(char::is_whitespace) {
            let own = word.trim_end().trim_start_matches(['"', '\'']);
            if let Some(name) = named(own) {
                let before = word.len() - word.trim_start_matches(['"', '\'']).len();
                return format!("{}{name}{HIDDEN}", &line[..end + before]);
            }
            end += word.len();
            if tells_secret(own) {
                return format!("{}{HIDDEN}", &line[..end]);
            }
        }
        without_secrets(line)
    };
    script.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The name and the sign behind it, of a word such as `TOKEN=x` or `Authorization: x` whose name says that it is secret.
fn named(word: &str) -> Option<&str> {
    let sign = word.find(['=', ':'])?;
    is_secret(&word[..sign]).then(|| &word[..=sign])
}

/// The word is an option whose value, the next word, is secret: `--token`, `-u`.
fn tells_secret(word: &str) -> bool {
    word.starts_with('-') && !word.contains('=') && (is_secret(word) || ["-u", "--user"].contains(&word))
}

/// As the libraries know it of the parameters of a query.
fn is_secret(name: &str) -> bool {
    without_secrets(&format!("?{name}=x")).ends_with(HIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_commands_are_hidden_and_the_rest_is_shown() {
        for (command, shown) in [
            ("logger gone", "logger gone"),
            ("curl -u me:hunter2 http://h/x", "curl -u *** http://h/x"),
            ("curl --user me:hunter2", "curl --user ***"),
            ("tell --token hunter2 --loud", "tell --token *** --loud"),
            ("tell --api-key=hunter2", "tell --api-key=***"),
            ("env PASSWORD=hunter2 tell", "env PASSWORD=*** tell"),
            ("get rtsp://me:hunter2@h/x?token=hunter2", "get rtsp://***@h/x?token=***"),
        ] {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(of_command(&words).join(" "), shown);
        }
        let header = ["-H".to_owned(), "Authorization: Bearer hunter2".to_owned()];
        assert_eq!(of_command(&header), ["-H", "Authorization:***"]);
    }

    #[test]
    fn of_a_line_with_a_secret_only_the_beginning_is_shown() {
        for (script, shown) in [
            ("echo $RTSPAN_PATH\necho gone", "echo $RTSPAN_PATH\necho gone"),
            ("curl -H 'Authorization: Bearer hunter2' http://h\necho", "curl -H 'Authorization:***\necho"),
            ("TOKEN=\"hunter2 hunter2\" tell", "TOKEN=***"),
            ("tell --password hunter2", "tell --password ***"),
            ("curl -s http://me:hunter2@h/x", "curl -s http://***@h/x"),
        ] {
            assert_eq!(of_script(script), shown);
        }
    }

    #[test]
    fn of_a_url_neither_user_nor_query_is_shown_and_of_one_that_is_told_no_path() {
        assert_eq!(of_url("rtsp://me:hunter2@h:1/a?b=c"), "rtsp://***@h:1/a?***");
        assert_eq!(of_url("publisher"), "publisher");
        for (url, shown) in [
            ("https://h/services/hunter2?x=hunter2", "\"https://h/***\""),
            ("http://me:hunter2@h:1/", "\"http://***@h:1/\""),
            ("http://h", "\"http://h\""),
        ] {
            let mut said = Vec::new();
            host(&Some(url.to_owned()), &mut serde_json::Serializer::new(&mut said)).unwrap();
            assert_eq!(String::from_utf8(said).unwrap(), shown);
        }
    }
}
