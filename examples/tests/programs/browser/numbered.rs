//! A live stream whose pictures carry their numbers, as blocks of black and white that survive any encoder.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

const WIDTH: usize = 320;
const HEIGHT: usize = 160;
/// Bits of a number, each a block of a row of its own height.
const BITS: usize = 16;
const BLOCK: usize = WIDTH / BITS;
const EACH: Duration = Duration::from_millis(40);

/// Reads the number of a picture from the middle of its blocks.
pub(super) const LOOK: &str = "(canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 80, 320, 1);
    return Array.from({ length: 16 }, (_, bit) => (data[(bit * 20 + 10) * 4] > 127 ? 2 ** bit : 0)).reduce((a, b) => a + b);
}";

/// A publisher, and when it has handed over each picture.
pub(super) struct Numbered {
    encoder: Child,
    times: Arc<Mutex<Vec<u64>>>,
}

impl Numbered {
    /// Publishes at a path by FFmpeg until it is dropped.
    pub(super) fn publish(server: &str, path: &str) -> Self {
        let input = format!("-f rawvideo -pix_fmt gray -s {WIDTH}x{HEIGHT} -r 25 -i -");
        let output = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -f rtsp -rtsp_transport tcp";
        let mut command = Command::new("ffmpeg");
        command.args(["-loglevel", "error", "-fflags", "nobuffer", "-probesize", "32"]);
        command.args(input.split(' ')).args(output.split(' ')).arg(format!("{server}/{path}"));
        let mut encoder = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut pictures = encoder.stdin.take().unwrap();
        let times = Arc::<Mutex<Vec<u64>>>::default();
        let written = Arc::clone(&times);
        thread::spawn(move || {
            let begun = SystemTime::now();
            for number in 0_u32.. {
                let due = begun + EACH * number;
                thread::sleep(due.duration_since(SystemTime::now()).unwrap_or_default());
                written.lock().unwrap().push(in_millis(SystemTime::now()));
                if pictures.write_all(&picture(number)).is_err() {
                    return;
                }
            }
        });
        Self { encoder, times }
    }

    /// When the picture of this number was handed over, in milliseconds since 1970.
    pub(super) fn at(&self, number: u64) -> u64 {
        self.times.lock().unwrap()[number as usize]
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        let _ = self.encoder.kill();
        let _ = self.encoder.wait();
    }
}

fn in_millis(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since_1970.as_millis()).unwrap()
}

fn picture(number: u32) -> Vec<u8> {
    let row = (0..WIDTH).map(|column| if number >> (column / BLOCK) & 1 == 1 { 235 } else { 16 });
    row.collect::<Vec<u8>>().repeat(HEIGHT)
}
