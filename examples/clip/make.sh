#!/usr/bin/env bash
# Makes the clip that the examples stream when they are given no file:
#
#   demo.h264  6 s of 640x360 at 25 frames a second (150 pictures, no two alike), H.264 Constrained
#              Baseline, one slice a picture, an IDR picture with its SPS and PPS every second, Annex B
#   demo.ulaw  6 s of G.711 mu-law, 8000 Hz mono (48000 samples: 300 blocks of 20 ms)
#
# Both end exactly where they begin, so that they can be played in a loop: the hand of the dial and the bar
# below it come round in 6 s, every tone fills its second with whole periods. Each second begins with a
# white square and a beep together, by which picture and sound can be compared by eye and ear. The busy panel
# on the right makes pictures large enough to need several RTP packets.
#
# Needs ffmpeg with libx264 and a monospaced font. With the same versions of these the output is the same
# to the byte.
set -euo pipefail
cd "$(dirname "$0")"

seconds=6
rate=25
size=640x360
encode=(-bitexact -flags +bitexact -map_metadata -1)

picture="
  smptehdbars=size=$size:rate=$rate:duration=$seconds,format=yuv420p [bars];
  color=black@0:size=200x200:rate=$rate:duration=$seconds,format=yuva420p,
    drawbox=x=97:y=10:w=6:h=90:color=white:t=fill:replace=1,
    rotate=angle=2*PI*t/$seconds:fillcolor=black@0 [hand];
  color=black:size=220x220:rate=$rate:duration=$seconds [dial];
  [dial][hand] overlay=x=10:y=10 [clock];
  testsrc2=size=176x144:rate=$rate:duration=$seconds [busy];
  color=yellow:size=40x16:rate=$rate:duration=$seconds [runner];
  [bars][clock] overlay=x=210:y=20 [timed];
  [timed][busy] overlay=x=448:y=40 [scene];
  [scene][runner] overlay=x='mod(640*t/$seconds+620,640)-20':y=340,
    drawtext=font=monospace:text='rtspan  %{eif\\:floor(t)\\:d}.%{eif\\:mod(n\\,$rate)\\:d\\:2}':
      fontsize=30:fontcolor=white:box=1:boxcolor=black:boxborderw=8:x=215:y=262,
    drawbox=x=20:y=20:w=80:h=80:color=white:t=fill:enable='lt(mod(n,$rate),3)',
    format=yuv420p"

ffmpeg -v error -y -f lavfi -i "$picture" "${encode[@]}" \
    -c:v libx264 -preset veryslow -profile:v baseline -crf 16 -threads 1 \
    -x264-params "keyint=$rate:min-keyint=$rate:scenecut=0:slices=1:repeat-headers=1" \
    -bsf:v filter_units=remove_types=6 -f h264 demo.h264

# A chord that walks through four notes, and the beep of the second.
sound="
  aevalsrc=sample_rate=8000:duration=$seconds:exprs='
    0.25*sin(2*PI*t*(262+68*mod(floor(t),3)))
    + 0.10*sin(2*PI*t*131)
    + 0.40*lt(mod(t,1),0.12)*sin(2*PI*t*1000)'"

ffmpeg -v error -y -f lavfi -i "$(tr -d '\n' <<<"$sound" | tr -s ' ')" "${encode[@]}" -c:a pcm_mulaw -f mulaw demo.ulaw

ls -l demo.h264 demo.ulaw
