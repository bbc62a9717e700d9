#!/bin/sh
# What gst-play-1.0 does, on a machine without a screen and loudspeakers.
exec gst-launch-1.0 playbin uri="$1" video-sink=fakesink audio-sink=fakesink
