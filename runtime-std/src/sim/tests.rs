use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::runtime::{TcpSocket as _, UdpSocket as _};
use crate::{Interface, Membership};

const HOUR: Duration = Duration::from_secs(3600);
const SERVER: &str = "10.0.0.1:554";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

async fn connect() -> std::io::Result<SimTcp> {
    SimRuntime::default().connect(addr(SERVER)).await
}

/// Accepts one connection at the server and does something with it.
fn serve<F: Future<Output = ()> + Send>(sim: &Sim, with: impl FnOnce(SimTcp) -> F + Send + 'static) -> Host {
    let host = sim.host("10.0.0.1");
    host.spawn(async {
        let mut listener = SimRuntime::default().listen(addr(SERVER)).unwrap();
        let (socket, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), addr("10.0.0.2:0").ip());
        drop(listener);
        with(socket).await;
    });
    host
}

async fn read_all(socket: &mut SimTcp) -> std::io::Result<Vec<u8>> {
    let (mut all, mut part) = (Vec::new(), [0; 1000]);
    loop {
        match socket.read(&mut part).await? {
            0 => return Ok(all),
            count => all.extend(&part[..count]),
        }
    }
}

#[test]
fn a_sleep_takes_its_time() {
    let sim = Sim::new(1);
    let host = sim.host("10.0.0.1");
    sim.run(&host, HOUR, sleep(Duration::from_secs(600))).unwrap();
    let passed = sim.now().since(Instant::ZERO);
    assert!((Duration::from_secs(600)..Duration::from_secs(601)).contains(&passed), "{passed:?}");
    sim.run_for(HOUR).unwrap();
    assert_eq!(sim.now().since(Instant::ZERO), passed + HOUR);
}

/// A megabyte each way over a bad link; the trace, and how long it took.
fn megabytes(seed: u64, link: Link) -> (u64, Duration) {
    const BYTES: usize = 1 << 20;
    let bytes = |salt: usize| (0..BYTES).map(|at| (at * 31 + salt) as u8).collect::<Vec<u8>>();
    let sim = Sim::new(seed);
    serve(&sim, move |mut socket| async move {
        socket.write_all(&bytes(1)).await.unwrap();
        socket.shutdown().unwrap();
        assert!(read_all(&mut socket).await.unwrap() == bytes(2));
    });
    let client = sim.host("10.0.0.2").link_to("10.0.0.1", link);
    let receive = async {
        let mut socket = connect().await.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), addr(SERVER));
        let read = read_all(&mut socket).await.unwrap();
        socket.write_all(&bytes(2)).await.unwrap();
        read == bytes(1)
    };
    assert!(sim.run(&client, HOUR, receive).unwrap());
    sim.run_for(Duration::from_secs(60)).unwrap();
    (sim.trace(), sim.now().since(Instant::ZERO) - Duration::from_secs(60))
}

#[test]
fn tcp_loses_nothing_over_a_bad_link_and_the_same_seed_does_the_same() {
    let link = Link::lossy(0.1).latency(Duration::from_millis(20)).jitter(Duration::from_millis(50));
    for seed in 0..5 {
        assert_eq!(megabytes(seed, link), megabytes(seed, link));
    }
    assert_ne!(megabytes(1, link).0, megabytes(2, link).0);
}

#[test]
fn a_link_takes_the_time_that_its_bandwidth_asks_for() {
    let (_, cable) = megabytes(1, Link::new());
    let (_, slow) = megabytes(1, Link::new().bandwidth(8 << 20));
    assert!(cable < Duration::from_millis(200), "{cable:?}");
    assert!((Duration::from_millis(1800)..Duration::from_millis(2300)).contains(&slow), "{slow:?}");
}

#[test]
fn a_connection_that_nobody_listens_for_is_refused_and_one_to_nowhere_is_given_up() {
    let sim = Sim::new(3);
    sim.host("10.0.0.1");
    let client = sim.host("10.0.0.2");
    let kind = |result: std::io::Result<SimTcp>| result.expect_err("nobody is there").kind();
    assert_eq!(kind(sim.run(&client, HOUR, connect()).unwrap()), ErrorKind::ConnectionRefused);
    client.cut_from("10.0.0.1");
    let begun = sim.now();
    assert_eq!(kind(sim.run(&client, HOUR, connect()).unwrap()), ErrorKind::TimedOut);
    assert!(sim.now().since(begun) > Duration::from_secs(120));
    let nowhere = async { SimRuntime::default().connect(addr("10.9.9.9:1")).await };
    assert_eq!(kind(sim.run(&client, HOUR, nowhere).unwrap()), ErrorKind::TimedOut);
}

#[test]
fn a_socket_that_is_closed_unread_resets_its_connection() {
    for (reads, error) in [(true, None), (false, Some(ErrorKind::ConnectionReset))] {
        let sim = Sim::new(4);
        serve(&sim, move |mut socket| async move {
            sleep(Duration::from_secs(1)).await;
            if reads {
                assert_eq!(socket.read(&mut [0; 100]).await.unwrap(), 3);
            }
            let _ = socket.try_write_vectored(&[IoSlice::new(b"goodbye")]);
        });
        sim.set_rough(false);
        let ask = async {
            let mut socket = connect().await.unwrap();
            socket.write_all(b"ask").await.unwrap();
            sleep(Duration::from_secs(2)).await;
            (socket.read(&mut [0; 100]).await, socket.read(&mut [0; 100]).await)
        };
        let (first, second) = sim.run(&sim.host("10.0.0.2"), HOUR, ask).unwrap();
        // Bytes that came before the reset can be read.
        assert_eq!(first.unwrap(), 7, "reads: {reads}");
        assert_eq!(second.map_err(|error| error.kind()).err(), error, "reads: {reads}");
    }
}

#[test]
fn a_host_without_power_says_nothing_and_its_peers_find_out() {
    let sim = Sim::new(5);
    let server = serve(&sim, |mut socket| async move { drop(read_all(&mut socket).await) });
    let client = sim.host("10.0.0.2");
    let mut socket = sim.run(&client, HOUR, connect()).unwrap().unwrap();
    sim.run_for(Duration::from_secs(5)).unwrap();
    server.cut_power();
    server.spawn(async { panic!("it has no power") });
    let begun = sim.now();
    let end = sim.run(&client, HOUR, async { socket.read(&mut [0; 10]).await }).unwrap();
    assert_eq!(end.expect_err("the peer is gone").kind(), ErrorKind::TimedOut);
    let found = sim.now().since(begun);
    assert!(
        found >= rtspan_core::limits::TCP_UNACKNOWLEDGED_MAX && found < Duration::from_secs(120),
        "{found:?}"
    );
}

#[test]
fn a_program_that_is_killed_closes_its_sockets() {
    let sim = Sim::new(6);
    let server = serve(&sim, |mut socket| async move { drop(read_all(&mut socket).await) });
    let client = sim.host("10.0.0.2");
    let mut socket = sim.run(&client, HOUR, connect()).unwrap().unwrap();
    server.kill();
    assert_eq!(sim.run(&client, HOUR, async { socket.read(&mut [0; 10]).await }).unwrap().unwrap(), 0);
    server.spawn(async { drop(SimRuntime::default().listen(addr(SERVER)).unwrap()) });
    sim.run_for(Duration::from_secs(1)).unwrap();
}

#[test]
fn datagrams_are_lost_doubled_and_overtaken_as_often_as_the_link_says() {
    const SENT: u32 = 20_000;
    let link = Link::lossy(0.1).reordering(0.05).duplicates(0.02).latency(Duration::from_millis(10));
    let sim = Sim::new(7);
    let count = Arc::new(AtomicUsize::new(0));
    let late = Arc::new(AtomicUsize::new(0));
    let (all, overtaken) = (Arc::clone(&count), Arc::clone(&late));
    sim.host("10.0.0.1").spawn(async move {
        let mut socket = SimRuntime::default().bind_udp(addr("0.0.0.0:9000")).unwrap();
        let (mut number, mut last) = ([0; 4], 0);
        while socket.recv_from(&mut number).await.is_ok() {
            all.fetch_add(1, Ordering::Relaxed);
            let number = u32::from_be_bytes(number);
            overtaken.fetch_add(usize::from(number < last), Ordering::Relaxed);
            last = last.max(number);
        }
    });
    let sender = sim.host("10.0.0.2").link_to("10.0.0.1", link);
    sender.spawn(async move {
        let socket = SimRuntime::default().bind_udp(addr("0.0.0.0:0")).unwrap();
        for number in 0..SENT {
            crate::Datagrams::try_send_to(&socket, &number.to_be_bytes(), None, addr("10.0.0.1:9000"))
                .unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(socket.local_addr().unwrap().ip(), addr("0.0.0.0:0").ip());
    });
    sim.run_for(Duration::from_secs(60)).unwrap();
    let (count, late) = (count.load(Ordering::Relaxed), late.load(Ordering::Relaxed));
    assert!((18_000..18_700).contains(&count), "{count}");
    assert!((500..1500).contains(&late), "{late}");
}

#[test]
fn names_lead_where_they_are_said_to() {
    let sim = Sim::new(8);
    let host = sim.host("10.0.0.1");
    sim.name("camera.example", &["10.0.0.7", "fd00::7"]);
    let lookup =
        |name: &'static str| async move { SimRuntime::default().resolve(name.to_owned(), 554).await };
    let found = sim.run(&host, HOUR, lookup("camera.example")).unwrap().unwrap();
    assert_eq!(found, [addr("10.0.0.7:554"), addr("[fd00::7]:554")]);
    assert_eq!(sim.run(&host, HOUR, lookup("[::1]")).unwrap().unwrap(), [addr("[::1]:554")]);
    let error = sim.run(&host, HOUR, lookup("nobody.example")).unwrap().expect_err("it leads nowhere");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_host_has_no_more_sockets_than_it_may_and_no_address_of_others() {
    let sim = Sim::new(9);
    let host = sim.host("10.0.0.1").and("fd00::1");
    host.set_sockets_max(2);
    let sockets = async {
        let bind = |at: &str| SimRuntime::default().bind_udp(addr(at));
        let first = bind("0.0.0.0:1000").unwrap();
        assert_eq!(bind("10.0.0.1:1000").expect_err("taken").kind(), ErrorKind::AddrInUse);
        assert_eq!(bind("10.0.0.2:0").expect_err("another's").kind(), ErrorKind::AddrNotAvailable);
        let second = bind("[fd00::1]:0").unwrap();
        assert_ne!(first.local_addr().unwrap().port(), second.local_addr().unwrap().port());
        assert_eq!(bind("0.0.0.0:0").expect_err("too many").raw_os_error(), Some(24));
        drop(first);
        bind("10.0.0.1:1000").unwrap();
    };
    sim.run(&host, HOUR, sockets).unwrap();
}

#[test]
fn a_host_that_is_stopped_does_nothing_and_then_goes_on() {
    let sim = Sim::new(10);
    let host = sim.host("10.0.0.1");
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    host.spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    sim.run_for(Duration::from_millis(10_500)).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 10);
    host.stop_for(Duration::from_secs(20));
    sim.run_for(Duration::from_secs(19)).unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 10);
    sim.run_for(Duration::from_secs(11)).unwrap();
    assert!((20..=21).contains(&count.load(Ordering::Relaxed)));
}

#[test]
fn the_wall_clock_of_a_host_is_its_own() {
    let sim = Sim::new(11);
    let (one, other) = (sim.host("10.0.0.1"), sim.host("10.0.0.2"));
    one.set_wall_ahead(true, HOUR);
    let ahead = |of: &Host| of.wall().to_unix().unwrap();
    assert_eq!(ahead(&one).saturating_sub(ahead(&other)).as_secs_f64().round(), 3600.0);
    one.set_wall_ahead(false, HOUR * 2);
    assert_eq!(ahead(&other).saturating_sub(ahead(&one)).as_secs_f64().round(), 3600.0);
    sim.run_for(HOUR).unwrap();
    assert_eq!(ahead(&other).saturating_sub(ahead(&one)).as_secs_f64().round(), 3600.0);
    assert!(one.runtime().clock().wall() == one.wall() && other.runtime().clock().now() == sim.now());
}

#[test]
fn a_panic_comes_out_with_its_seed_and_its_time() {
    let sim = Sim::new(12);
    sim.host("10.0.0.3").spawn(async {
        sleep(Duration::from_secs(7)).await;
        panic!("a picture is missing");
    });
    let error = sim.run_for(HOUR).expect_err("a task panics");
    let text = error.to_string();
    assert!(text.starts_with("a task of 10.0.0.3 panicked at 7.000"), "{text}");
    assert!(text.ends_with("with seed 12: a picture is missing"), "{text}");
    // The others go on.
    sim.run_for(HOUR).unwrap();
}

#[test]
fn a_task_that_wakes_itself_for_ever_is_found() {
    let sim = Sim::new(13);
    sim.host("10.0.0.4").spawn(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Pending
    }));
    assert!(
        matches!(sim.run_for(HOUR), Err(SimError::Spinning { host, seed: 13, .. }) if host == "10.0.0.4")
    );
}

#[test]
fn what_is_waited_for_may_not_come() {
    let sim = Sim::new(14);
    let host = sim.host("10.0.0.5");
    let never = sim.run(&host, HOUR, std::future::pending::<()>());
    assert!(matches!(never, Err(SimError::TimedOut { seed: 14, .. })));
    assert_eq!(sim.now().since(Instant::ZERO), HOUR);
    // A task that is run is gone with its host, too.
    host.cut_power();
    assert!(sim.run(&host, HOUR, sleep(Duration::from_secs(1))).is_ok(), "whoever runs the world has it");
}

#[test]
fn a_world_that_is_dropped_ends_its_tasks() {
    let held = Arc::new(());
    let sim = Sim::new(15);
    for host in ["10.0.0.1", "10.0.0.2"] {
        let held = Arc::clone(&held);
        sim.host(host).spawn(async move {
            let _held = held;
            let _socket = SimRuntime::default().bind_udp(addr("0.0.0.0:0")).unwrap();
            std::future::pending::<()>().await;
        });
    }
    sim.run_for(HOUR).unwrap();
    assert_eq!(Arc::strong_count(&held), 3);
    drop(sim);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// A task that joins a group at each of these hosts, and counts what it hears.
fn members(
    sim: &Sim,
    hosts: &[(&str, Link)],
    group: &'static str,
    source: Option<&str>,
) -> Vec<Arc<AtomicUsize>> {
    let source = source.map(|source| source.parse().unwrap());
    let join = |(ip, link): &(&str, Link)| {
        let count = Arc::new(AtomicUsize::new(0));
        let heard = Arc::clone(&count);
        sim.host(ip).link_to("10.0.0.1", *link).spawn(async move {
            let group = addr(group);
            let mut socket = SimRuntime::default().bind_udp(group).unwrap();
            socket.socket().join(&Membership { group: group.ip(), source, interface: None }).unwrap();
            while let Ok((_, from)) = socket.recv_from(&mut [0; 100]).await {
                assert_eq!(from.ip(), addr(SERVER).ip());
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
        count
    };
    hosts.iter().map(join).collect()
}

#[test]
fn what_is_sent_to_a_group_comes_to_each_member_as_its_own_link_lets_it() {
    const GROUP: &str = "239.1.1.1:5000";
    let sim = Sim::new(11);
    let near = [("10.0.0.2", Link::new()), ("10.0.0.2", Link::new()), ("10.0.0.1", Link::new())];
    let near = members(&sim, &near, GROUP, None);
    let lossy = members(&sim, &[("10.0.0.3", Link::lossy(0.5))], GROUP, None);
    let routed = [("10.0.0.4", Link::new().routers(2)), ("10.0.0.5", Link::new().routers(3))];
    let routed = members(&sim, &routed, GROUP, None);
    let other_group = members(&sim, &[("10.0.0.2", Link::new())], "239.1.1.2:5000", None);
    let other_port = members(&sim, &[("10.0.0.2", Link::new())], "239.1.1.1:5002", None);
    let own_source = members(&sim, &[("10.0.0.2", Link::new())], GROUP, Some("10.0.0.1"));
    let other_source = members(&sim, &[("10.0.0.2", Link::new())], GROUP, Some("10.0.0.9"));
    sim.host("10.0.0.1").spawn(async {
        let taken = SimRuntime::default().bind_udp(addr("0.0.0.0:5000")).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        let socket = SimRuntime::default().bind_udp(addr("10.0.0.1:5000")).unwrap();
        let elsewhere = Interface::Address(addr("10.0.0.2:0").ip());
        let refused = socket.socket().set_multicast(3, Some(&elsewhere)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AddrNotAvailable);
        socket.socket().set_multicast(3, None).unwrap();
        for _ in 0..1000 {
            socket.socket().send_to(b"all", addr(GROUP)).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        socket.socket().set_multicast(0, None).unwrap();
        socket.socket().send_to(b"those here", addr(GROUP)).unwrap();
        let all = SimRuntime::default().bind_udp(addr("0.0.0.0:5002")).unwrap();
        let bind = || SimRuntime::default().bind_udp(addr("239.1.1.2:5002"));
        assert_eq!(bind().unwrap_err().kind(), ErrorKind::AddrInUse);
        all.socket().share().unwrap();
        bind().unwrap();
    });
    sim.run_for(Duration::from_secs(10)).unwrap();
    let heard = |counts: &[Arc<AtomicUsize>]| -> Vec<usize> {
        counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    };
    assert_eq!(heard(&near), [1000, 1000, 1001]);
    assert!((400..600).contains(&heard(&lossy)[0]), "{lossy:?}");
    assert_eq!(heard(&routed), [1000, 0]);
    assert_eq!([heard(&other_group), heard(&other_port), heard(&other_source)], [[0], [0], [0]]);
    assert_eq!(heard(&own_source), [1000]);
}
