use std::future::pending;
use std::time::Instant;

use rtspan_std::threads::{Threads, block_on};

use super::*;
use crate::args::ServeArgs;

/// A station that nothing runs yet.
fn station() -> Station<Threads> {
    let config = Config::new(&ServeArgs::default());
    let settings = config.load().unwrap();
    let server = block_on(Server::builder().bind("127.0.0.1:0")).unwrap();
    let empty = Settings { paths: Vec::new(), ..settings };
    Station::new(Arc::new(server), config, empty, None, EventsFormat::Text).unwrap()
}

#[test]
fn tasks_that_wait_have_a_bound_and_a_source_beyond_it_is_refused() {
    let station = station();
    for _ in 0..TASKS_MAX {
        assert!(station.spawn(pending()));
    }
    assert!(!station.spawn(pending()));
    station
        .add_path("gate", serde_json::from_str(r#"{ "source": "rtsp://127.0.0.1:1/x" }"#).unwrap())
        .unwrap();
    assert!(station.state().running.is_empty());
}

#[test]
fn the_end_waits_for_sources_and_no_longer_than_they_take() {
    let station = station();
    station
        .add_path("gate", serde_json::from_str(r#"{ "source": "rtsp://127.0.0.1:1/x" }"#).unwrap())
        .unwrap();
    assert_eq!(station.state().running.len(), 1);
    // The source is dropped without having begun: its end is noticed.
    drop(station.0.tasks.1.try_recv().unwrap());
    let begun = Instant::now();
    block_on(station.end());
    assert!(begun.elapsed() < GOODBYE);
    station
        .add_path("yard", serde_json::from_str(r#"{ "source": "rtsp://127.0.0.1:1/x" }"#).unwrap())
        .unwrap();
    let task = station.0.tasks.1.try_recv().unwrap();
    let begun = Instant::now();
    block_on(station.end());
    assert!(begun.elapsed() >= GOODBYE, "it did not wait");
    drop(task);
}
