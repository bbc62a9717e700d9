//! Examples, as the end of the help of each command has them.

pub(super) const DEMO: &str = "\
Examples:
  rtspan demo
  rtspan demo --seconds 60 --json";

pub(super) const SERVE: &str = "\
Examples:
  rtspan serve                                            on port 8554 of all addresses; the clip is at /demo
  rtspan serve --listen localhost:8554 --no-demo
  rtspan serve --user wall:secret:read --user cam:secret2:publish:/live/*
  rtspan serve --tls-self-signed nvr.local --require-tls
  rtspan serve --files films --recordings archive
  rtspan serve --json | jq -c 'select(.event == \"published\")'";

pub(super) const PLAY: &str = "\
Examples:
  rtspan play rtsp://admin:secret@192.168.1.64/stream1
  rtspan play localhost:8554/demo --transport tcp --seconds 10
  rtspan play camera/main --out film.mp4
  rtspan play camera/main --out - | ffplay -
  rtspan play camera/main --out - --format h264 | ffprobe -
  rtspan play recorder/gate --seek 20260102T030405Z --scale 4";

pub(super) const PUBLISH: &str = "\
Examples:
  rtspan publish rtsp://localhost:8554/live
  rtspan publish localhost:8554/film --file film.mp4 --once
  ffmpeg -i film.mkv -c copy -f mpegts - | rtspan publish localhost:8554/film --file -
  rtspan publish rtsps://server/live --srtp";

pub(super) const RECORD: &str = "\
Examples:
  rtspan record gate=rtsp://admin:secret@192.168.1.64/stream1 --to archive
  rtspan record gate=camera1/main yard=camera2/main --to archive --segment 5m --keep 200GB --keep-for 30d";

pub(super) const SNAPSHOT: &str = "\
Examples:
  rtspan snapshot localhost:8554/demo picture.png
  rtspan snapshot camera/main - > picture.png";

pub(super) const PROBE: &str = "\
Examples:
  rtspan probe rtsp://admin:secret@192.168.1.64/stream1
  rtspan probe camera/main --json | jq '.findings[] | select(.severity == \"fault\")'";

pub(super) const BENCH: &str = "\
Examples:
  rtspan bench read localhost:8554/demo --readers 1000
  rtspan bench publish localhost:8554/load --streams 10 --rate 500
  rtspan bench churn localhost:8554/demo --concurrency 64";

pub(super) const COMPLETIONS: &str = "\
Examples:
  rtspan completions bash > ~/.local/share/bash-completion/completions/rtspan
  rtspan completions zsh > ~/.zfunc/_rtspan
  rtspan completions fish > ~/.config/fish/completions/rtspan.fish";

pub(super) const MAN: &str = "\
Examples:
  rtspan man | man -l -
  rtspan man ~/.local/share/man/man1";
