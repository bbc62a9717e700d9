//! Completions and manual pages.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::{Program, rtspan};

/// The output of a script of a shell; `None` where there is no such shell.
fn run(shell: &str, script: &str) -> Option<String> {
    let output = Command::new(shell).args(["-c", script]).output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_shell_has_completions_that_name_commands_options_and_values() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Program::rtspan(&format!("completions {shell}")).end().well();
        for word in ["snapshot", "transport", "multicast", "tls-self-signed"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let load = format!("source <({} completions bash)", rtspan().display());
    let complete = |words: &str| {
        let words: Vec<_> = words.split(' ').collect();
        let last = words.last().unwrap();
        let before = words[words.len() - 2];
        run(
            "bash",
            &format!(
                "{load}; COMP_WORDS=({}\"{last}\"); COMP_CWORD={}; _rtspan rtspan \"{last}\" \"{before}\"; echo \"${{COMPREPLY[*]}}\"",
                words[..words.len() - 1].iter().map(|word| format!("{word} ")).collect::<String>(),
                words.len() - 1,
            ),
        )
    };
    for (words, expected) in [
        ("rtspan pro", "probe"),
        ("rtspan play --tra", "--transport --trace"),
        ("rtspan play --transport ", "auto udp tcp multicast"),
        ("rtspan serve --start k", "keyframe"),
        ("rtspan completions z", "zsh"),
    ] {
        let Some(completed) = complete(words) else { return };
        for word in expected.split(' ') {
            assert!(completed.split_whitespace().any(|own| own == word), "{words}: {completed}");
        }
    }
}

#[test]
fn fish_completes_commands_options_and_values() {
    let load = format!("{} completions fish | source", rtspan().display());
    for (words, expected) in [
        ("rtspan pro", "probe"),
        ("rtspan play --tra", "--transport --trace"),
        ("rtspan play --transport ", "auto udp tcp multicast"),
        ("rtspan serve --start k", "keyframe"),
    ] {
        let Some(completed) = run("fish", &format!("{load}; complete --do-complete '{words}'")) else {
            return;
        };
        // Behind each stands what it does.
        let completed: Vec<_> = completed.lines().filter_map(|line| line.split('\t').next()).collect();
        for word in expected.split(' ') {
            assert!(completed.contains(&word), "{words}: {completed:?}");
        }
    }
}

/// Types words and a tab into a zsh with a terminal, each time, and prints the line that comes of it.
const TYPE: &str = r#"
    zmodload zsh/zpty
    zpty shell zsh -d -i
    zpty -r shell said '*ready*'
    for words in "${(@f)WORDS}"; do
        zpty -w -n shell "$words"$'\t\x18'
        zpty -r shell said '*<*>*'
        print -r -- "${${said##*<}%%>*}"
        zpty -w -n shell $'\x15'
    done
"#;

#[test]
fn zsh_completes_commands_options_and_values() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zsh");
    fs::create_dir_all(&home).unwrap();
    let start = format!(
        "TMOUT=30\nautoload -Uz compinit && compinit -u -D\nsource <({} completions zsh)\n\
         told() {{ print -r -- \"<$BUFFER>\" }}\nzle -N told\nbindkey '^I' complete-word\nbindkey '^X' told\nprint ready\n",
        rtspan().display()
    );
    fs::write(home.join(".zshrc"), start).unwrap();
    let cases = [
        ("rtspan pro", "rtspan probe "),
        ("rtspan play --transp", "rtspan play --transport="),
        ("rtspan play --transport mu", "rtspan play --transport multicast "),
        ("rtspan serve --start k", "rtspan serve --start keyframe "),
        ("rtspan completions z", "rtspan completions zsh "),
    ];
    let words: Vec<_> = cases.iter().map(|(words, _)| *words).collect();
    let environment = format!("export TERM=dumb ZDOTDIR='{}' WORDS='{}'", home.display(), words.join("\n"));
    let Some(completed) = run("zsh", &format!("{environment}\n{TYPE}")) else { return };
    assert!(completed.lines().eq(cases.iter().map(|(_, line)| *line)), "{completed}");
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man1");
    let _ = fs::remove_dir_all(&dir);
    Program::rtspan(&format!("man {}", dir.display())).end().well();
    for (page, part) in [
        ("rtspan", "rtspan\\-play(1)"),
        ("rtspan-play", "\\-\\-transport"),
        ("rtspan-serve", "nvr.local"),
        ("rtspan-bench-read", "\\-\\-readers"),
    ] {
        let path = dir.join(format!("{page}.1"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(part) && text.contains(".SH NAME"), "{page}: {text}");
        let check = format!("man --warnings -l {} 2>&1 >/dev/null", path.display());
        if let Ok(output) = Command::new("sh").args(["-c", &format!("command -v man && {check}")]).output() {
            let warned = String::from_utf8(output.stdout).unwrap();
            assert!(warned.lines().count() <= 1, "{page}: {warned}");
        }
    }
    let page = Program::rtspan("man").end().well();
    assert!(page.contains(".TH rtspan 1"), "{page}");
}

#[test]
fn the_short_help_of_each_command_fits_a_screen_and_the_long_one_has_examples() {
    let help = Program::rtspan("-h").end().well();
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Others go on with what the one before does.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 10, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        let short = Program::rtspan(&format!("{command} -h")).end().well();
        assert!(short.lines().count() <= 50, "{command}: {} lines\n{short}", short.lines().count());
        let long = Program::rtspan(&format!("{command} --help")).end().well();
        assert!(long.contains("\nExamples:\n  rtspan ") || long.contains("| rtspan "), "{long}");
    }
}
