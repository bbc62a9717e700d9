//! Settings that are different in another file, and count from the next start on only.

use serde_json::{Value, json};

use super::file::{File, Tls};

/// Settings and sections that a server has from its beginning to its end.
const FIXED: [&str; 12] = [
    "trace",
    "start",
    "resume",
    "realm",
    "auth",
    "dscp",
    "tls",
    "tunnels",
    "udp",
    "multicast",
    "limits",
    "cluster",
];

impl File {
    /// The settings that are others, and that a server has from its beginning to its end: `start`, `limits.connections`.
    pub(crate) fn fixed_differences(&self, new: &Self) -> Vec<String> {
        let (before, after) = (json!(self), json!(new));
        let all = FIXED.iter().flat_map(|name| differences((*name).to_owned(), &before[name], &after[name]));
        let is_taken = self.tls.is_replaced_by(&new.tls);
        all.filter(|name| !is_taken || !["tls.certificate", "tls.key", "tls.self_signed"].contains(&&**name))
            .collect()
    }
}

impl Tls {
    /// A server that has a certificate takes another one.
    fn is_replaced_by(&self, new: &Self) -> bool {
        (self.certificate.is_some() || self.self_signed.is_some()) && new.certificate.is_some()
    }
}

fn differences(name: String, before: &Value, after: &Value) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .keys()
            .flat_map(|key| {
                differences(format!("{name}.{key}"), &before[key], after.get(key).unwrap_or(&Value::Null))
            })
            .collect(),
        _ if before == after => Vec::new(),
        _ => vec![name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_from_the_next_start_on_is_named() {
        let file = |text: &str| toml::from_str::<File>(text).unwrap();
        let first =
            file("start = \"live\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n[limits]\nsessions = 5\n");
        for (text, names) in [
            ("start = \"live\"\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n[limits]\nsessions = 5\n", &[][..]),
            ("listen = [\":1\"]\n[tls]\ncertificate = \"c\"\nkey = \"d\"\n", &["start", "limits.sessions"]),
            (
                "start = \"live\"\n[udp]\nenabled = false\n[limits]\nsessions = 6\nmemory = 1\n",
                &["tls.certificate", "tls.key", "udp.enabled", "limits.memory", "limits.sessions"],
            ),
        ] {
            assert_eq!(first.fixed_differences(&file(text)), names, "{text}");
        }
    }
}
