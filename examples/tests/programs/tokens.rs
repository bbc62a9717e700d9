//! Tokens (Bearer, RFC 6750): a user of the file has one, and clients send it over TLS.

use std::fs;

use crate::api::file;
use crate::program::Program;

const TOKEN: &str = "0123456789abcdef";

#[test]
fn who_has_the_token_of_a_user_plays_over_tls_and_a_camera_is_pulled_with_one() {
    let users = format!("[[users]]\nname = \"wall\"\ntoken = \"{TOKEN}\"\nread = [\"demo\"]\n");
    let tls = "listen = [\"127.0.0.1:0\"]\n[tls]\nself_signed = [\"127.0.0.1\"]\n";
    let path = file("tokens", &format!("demo = true\n{tls}{users}"));
    let mut server = Program::rtspan(&format!("serve --config {}", path.display()));
    let open = server.url();
    let url = open.replace("rtsp://", "rtsps://");
    let token = file("token", &format!("{TOKEN}\n"));
    let play = |url: &str, options: &str| Program::played(&format!("{url}/demo --insecure {options}"));
    for options in [format!("--token {TOKEN}"), format!("--token-file {}", token.display())] {
        assert!(play(&url, &options).well().contains("H264"), "{options}");
    }
    Program::played(&format!("{url}/demo?token={TOKEN} --insecure")).well();
    for (url, options, code, words) in [
        (&url, "", 4, "asks for a password or a token"),
        (&url, "--token 0123456789abcdee", 4, "refuses the credentials"),
        (&open, &*format!("--token {TOKEN}"), 4, "a token is only sent over TLS"),
    ] {
        let refused = play(url, options);
        assert_eq!(refused.code, Some(code), "{refused:?}");
        assert!(refused.stderr.contains(words) && !refused.stderr.contains(TOKEN), "{refused:?}");
    }

    let relay = file(
        "token-relay",
        &format!(
            "listen = [\"127.0.0.1:0\"]\n[paths.gate]\nsource = \"{url}/demo\"\ninsecure = true\n\
             token = {{ file = \"{}\" }}\n",
            token.display()
        ),
    );
    let mut again = Program::rtspan(&format!("serve --config {}", relay.display()));
    let gate = format!("{}/gate", again.url());
    Program::played(&gate).well();
    assert!(!again.interrupt().well().contains(TOKEN));
    assert!(!server.interrupt().well().contains(TOKEN));
    [path, token, relay].iter().for_each(|path| fs::remove_file(path).unwrap());
}
