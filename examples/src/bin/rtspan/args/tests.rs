use clap::FromArgMatches as _;

use super::*;

fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::from_arg_matches(&command().try_get_matches_from(line.split(' '))?)
}

#[test]
fn calls_that_make_sense_are_taken() {
    for line in [
        "rtspan demo",
        "rtspan demo --seconds 1 --json --runtime std",
        "rtspan --runtime smol serve",
        "rtspan serve --listen [::1]:0 --udp-ports 8000-8001 --gather 20 --no-demo --quiet",
        "rtspan serve --listen :8554 --listen nvr.local:322 --also-listen 0.0.0.0 --metrics 9100",
        "rtspan serve --udp-ports 8000-8099 --dscp af41",
        "rtspan play rtsp://camera/main --udp-ports 8000-8099 --dscp 46",
        "rtspan serve --address-share 10 --shared-addresses 192.168.0.0/16,2001:db8::/32",
        "rtspan serve --shared-addresses --quiet",
        "rtspan serve --multicast 239.1.0.0/16,ff15::/16 --multicast-interface eth0 --multicast-ports 5000-5099",
        "rtspan serve --multicast 239.1.0.0/16 --multicast-ttl 1 --multicast-only",
        "rtspan serve --start keyframe",
        "rtspan play rtsp://camera/main --transport udp --seconds 3 --out a.h264",
        "rtspan play rtsp://camera/main --strict --json --no-reconnect",
        "rtspan play 192.168.1.64/main --out - --format mp4 --force",
        "rtspan publish camera/main --file - --format h264 --fps 15",
        "rtspan serve --json",
        "rtspan serve --events json",
        "rtspan completions bash",
        "rtspan man DIR",
        "rtspan play rtsp://camera/main --seek 60 --scale -2 --speed 1.5 --media video,audio --any-port",
        "rtspan play rtsp://camera/main --user-agent me --header X-Site:roof --header X-Room:7",
        "rtspan publish rtsp://camera/main --user-agent me --header X-Site:roof",
        "rtspan publish rtsp://u:p@host:8554/live --file a.h264 --fps 29.97 --no-reconnect",
        "rtspan publish rtsp://camera/main --file a.mp4 --once",
        "rtspan record rtsp://camera/main gate=rtsp://u:p@gate/ --to DIR --segment 60s --keep 2GB --keep-for 7d --json",
        "rtspan publish rtsps://camera/main --srtp --file a.mp4",
        "rtspan publish --srtp=aead_aes_128_gcm rtsps://camera/main",
        "rtspan play rtsp://camera/main --backchannel hello.ulaw",
        "rtspan serve --backchannel said",
        "rtspan probe rtsp://[::1]/",
        "rtspan snapshot rtsp://camera/main picture.png --transport tcp --seconds 5",
        "rtspan probe rtsp://camera/main --transport multicast --multicast-interface eth0",
        "rtspan bench read rtsp://camera/main --readers 1000 --stalled 1 --transport udp --seconds 5 --pid 42 --json",
        "rtspan bench publish rtsp://camera/main --rate 30 --size 1400 --burst 20 --streams 3 --pid 42",
        "rtspan bench publish rtsp://camera/main --keyframe-burst 1500 --keyframe-every 25",
        "rtspan bench churn rtsp://camera/main --concurrency 64",
    ] {
        parse(line).unwrap();
    }
}

#[test]
fn calls_that_make_no_sense_are_refused_with_what_is_needed() {
    for (line, needed) in [
        ("rtspan", "Usage"),
        ("rtspan sing", "unrecognized subcommand"),
        ("rtspan play", "<URL>"),
        ("rtspan play http://camera/main", "a page of HTTP"),
        ("rtspan play camera/main --out - --format mkv", "mp4, ts, h264"),
        ("rtspan play camera/main --format ts", "--out"),
        ("rtspan play rtsp://camera/main --transport pigeon", "auto, udp, tcp, multicast"),
        ("rtspan play rtsp://camera/main --seconds 0", "1..=1000000"),
        ("rtspan play rtsp://camera/main --seek yesterday", "such as 60, 0:01:00"),
        ("rtspan play rtsp://camera/main --scale 0", "other than zero"),
        ("rtspan play rtsp://camera/main --speed -1", "above zero"),
        ("rtspan play rtsp://camera/main --header X-Site", "X-Site: roof"),
        ("rtspan play rtsp://camera/main --header CSeq:7", "writes the header CSeq itself"),
        ("rtspan publish rtsp://camera/main --fps 30", "--file"),
        ("rtspan record rtsp://camera/main", "--to <DIR>"),
        ("rtspan record --to DIR", "[NAME=]URL"),
        ("rtspan record a/b=rtsp://camera/main --to DIR", "gate=rtsp://camera/main"),
        ("rtspan record rtsp://camera/main --to DIR --keep 2G", "such as 500MB or 2GB"),
        ("rtspan publish rtsp://camera/main --file a --fps 0", "from 1 to 1000"),
        ("rtspan publish rtsps://camera/main --srtp=rot13", "AES_CM_128_HMAC_SHA1_80"),
        ("rtspan serve --backchannel said --no-demo", "--no-demo"),
        ("rtspan serve --listen camera:rtsp", "such as :8554, 127.0.0.1:8554"),
        ("rtspan serve --metrics localhost", "a port is needed"),
        ("rtspan serve --udp-ports 8000", "8000-8001"),
        ("rtspan serve --udp-ports 8000-8000", "8000-8001"),
        ("rtspan serve --udp-ports 0-1", "8000-8001"),
        ("rtspan serve --udp-ports 8001-8000", "8000-8001"),
        ("rtspan serve --dscp 64", "0 to 63"),
        ("rtspan serve --address-share 0", "--address-share"),
        ("rtspan serve --shared-addresses 10.0.0.0/33", "10.0.0.0/8"),
        ("rtspan serve --multicast 10.0.0.0/8", "239.1.0.0/16"),
        ("rtspan serve --multicast-only", "--multicast <"),
        ("rtspan demo --runtime rayon", "std, smol and tokio"),
        ("rtspan bench", "Usage"),
        ("rtspan bench read rtsp://camera/main --readers 0", "1..=1000000"),
        ("rtspan bench publish rtsp://camera/main --size 20", "30..=65535"),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(needed), "{line}: {error}");
    }
}

#[cfg(not(feature = "tokio"))]
#[test]
fn a_runtime_that_is_not_built_in_is_refused_with_how_to_get_it() {
    let error = parse("rtspan demo --runtime tokio").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--features tokio"), "{error}");
}

#[test]
fn a_password_is_not_shown() {
    let target: Target = "rtsp://me:secret@camera/main".parse().unwrap();
    assert!(target.as_str().contains("secret"));
    assert!(!target.to_string().contains("secret"));
}

#[test]
fn a_call_that_is_refused_does_not_show_the_passwords_in_it() {
    for (line, shown) in [
        ("rtspan play rtsp://wall:horse@:x/cam", "rtsp://***@:x/cam"),
        ("rtspan play rtsp://:x/user=admin_password=horse_channel=1", "password=***_channel=1"),
        ("rtspan serve --user wall:horse:write", "'***'"),
    ] {
        let refused = hide_secrets(parse(line).unwrap_err()).to_string();
        assert!(refused.contains(shown) && !refused.contains("horse"), "{refused}");
    }
}
