//! The server does what the reference model of RTSP's sessions says.

use rtspan_tests::model::{Told, tell};
use rtspan_tests::sim::Seeded;

const SEEDS: u64 = 600;

#[test]
fn every_answer_and_every_receiver_is_as_the_model_says() {
    let mut told = Told::new();
    for seed in 0..SEEDS {
        for (answer, times) in tell(&mut Seeded::new(seed), 250) {
            *told.entry(answer).or_default() += times;
        }
    }
    for ((method, status), times) in &told {
        println!("{times:>8} {method} {status}");
    }
    // All that each method can be answered with has been.
    for (method, statuses) in [
        ("OPTIONS", &[200, 454, 551][..]),
        ("DESCRIBE", &[200, 404, 454]),
        ("ANNOUNCE", &[200, 400, 403, 454, 455, 503]),
        ("SETUP", &[200, 400, 404, 454, 455, 459, 461, 503]),
        ("PLAY", &[200, 404, 454, 455, 460]),
        ("PAUSE", &[200, 404, 454, 460]),
        ("RECORD", &[200, 404, 454, 455, 460]),
        ("TEARDOWN", &[200, 454, 460]),
        ("GET_PARAMETER", &[200, 451, 454]),
        ("SET_PARAMETER", &[200, 451, 454]),
        ("DANCE", &[501]),
    ] {
        for status in statuses {
            assert!(told.contains_key(&(method, *status)), "{method} was never answered {status}");
        }
    }
}
