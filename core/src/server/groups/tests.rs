use std::time::Duration;

use super::*;
use crate::id::RawId;
use crate::limits::MULTICAST_GROUPS_MAX;

const LATER: Duration = Duration::from_secs(1);

fn of(range: &str) -> Multicast {
    Multicast::new(range.parse().unwrap()).unwrap()
}

fn key(stream: u32, track: u8) -> Key {
    Key { stream: RawId::numbered(stream).into(), track, is_ipv6: false, secure: None }
}

fn at(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn each_media_has_a_group_and_ports_of_its_own_and_keeps_them() {
    let (mut groups, config, now) = (Groups::default(), of("239.1.0.0/16").ports(5000, 5005), Instant::ZERO);
    let first = groups.take(now, key(0, 0), &config, None);
    assert_eq!(first, at("239.1.0.0:5000"));
    assert_eq!(groups.take(now, key(0, 1), &config, None), at("239.1.0.1:5002"));
    assert_eq!(groups.take(now, key(0, 0), &config, None), first);
    assert_eq!(groups.take(now, key(1, 0), &config, None), at("239.1.0.2:5004"));
}

#[test]
fn reserved_groups_are_passed_over() {
    let (mut groups, now) = (Groups::default(), Instant::ZERO);
    let mut first = |range: &str| {
        let taken = groups.take(now, key(0, 0), &of(range), None);
        groups = Groups::default();
        taken.map(|at| at.ip().to_string())
    };
    assert_eq!(first("239.0.0.0/8").as_deref(), Some("239.0.1.0"));
    assert_eq!(first("224.0.0.0/4").as_deref(), Some("224.0.2.0"));
    assert_eq!(first("239.255.255.250/31").as_deref(), Some("239.255.255.251"));
    assert_eq!(first("239.255.255.250"), None);
    assert_eq!(first("224.0.0.0/24"), None);
}

#[test]
fn of_ipv6_servers_take_the_upper_half_of_identifiers_unless_the_range_is_smaller() {
    for (range, expected) in [
        ("ff15::/16", "[ff15::8000:0]:26000"),
        ("ff15::1:0:0/96", "[ff15::1:8000:0]:26000"),
        ("ff15::1:100/120", "[ff15::1:100]:26000"),
    ] {
        let key = Key { is_ipv6: true, ..key(0, 0) };
        let taken = Groups::default().take(Instant::ZERO, key, &of(range), None);
        assert_eq!(taken, at(expected), "{range}");
    }
    assert_eq!(
        Groups::default().take(Instant::ZERO, key(0, 0), &of("ff15::/16"), None),
        None,
        "nothing of IPv4"
    );
}

#[test]
fn no_two_groups_are_one_to_ethernet() {
    // 32 groups have one address there: those that differ only in the bits above the lower 23.
    let (mut groups, now) = (Groups::default(), Instant::ZERO);
    let config = of("224.1.0.0/12");
    let mut taken = BTreeSet::new();
    for stream in 0..MULTICAST_GROUPS_MAX as u32 {
        let at = groups.take(now, key(stream, 0), &config, None).unwrap();
        assert!(taken.insert(hardware(at.ip())), "{at}");
    }
    let two = of("225.1.1.1").range("ff15::1:101:101".parse().unwrap()).unwrap();
    let mut groups = Groups::default();
    let wish = |text: &str| text.parse().ok();
    assert_eq!(groups.take(now, key(0, 0), &of("224.0.0.0/4"), wish("239.129.1.1")), at("239.129.1.1:26000"));
    groups.all.values_mut().for_each(|group| group.is_given = true);
    assert_eq!(
        groups.take(now, key(1, 0), &two, None),
        None,
        "225.1.1.1 and 239.129.1.1 have one address there"
    );
}

#[test]
fn one_over_the_bound_takes_the_group_that_nobody_has_used_for_longest() {
    for (config, why) in [
        (of("239.1.0.0/31"), "addresses"),
        (of("239.1.0.0/16").ports(5001, 5006), "ports"),
        (of("239.1.0.0/16").groups_max(2), "groups"),
    ] {
        let (mut groups, mut now) = (Groups::default(), Instant::ZERO);
        let first = groups.take(now, key(0, 0), &config, None);
        let second = groups.take(now, key(1, 0), &config, None);
        assert!(first.is_some() && second.is_some() && first != second, "{why}");
        now = now + LATER;
        groups.take(now, key(0, 0), &config, None);
        let third = groups.take(now + LATER, key(2, 0), &config, None);
        assert!(third.is_some() && groups.all.keys().eq([&key(0, 0), &key(2, 0)]), "{why}");
        // Groups that are in use are taken from nobody.
        groups.all.values_mut().for_each(|group| group.pair = Some(RawId::numbered(0).into()));
        assert_eq!(groups.take(now, key(3, 0), &config, None), None, "{why}");
    }
}

#[test]
fn what_is_given_back_rests_as_long_as_there_is_something_else() {
    let (mut groups, config, now) = (Groups::default(), of("239.1.0.0/30").ports(5000, 5007), Instant::ZERO);
    let mut taken = Vec::new();
    for stream in 0..4 {
        taken.push(groups.take(now, key(stream, 0), &config, None).unwrap());
        groups.all.clear();
    }
    let all: BTreeSet<_> = taken.iter().collect();
    assert_eq!(all.len(), 4);
    assert_eq!(groups.take(now, key(9, 0), &config, None), taken.first().copied());
}

#[test]
fn ports_that_the_system_has_refused_are_used_no_more() {
    let (mut groups, config) = (Groups::default(), of("239.1.0.0/16").ports(5000, 5003));
    groups.refused.insert(5000);
    assert_eq!(groups.take(Instant::ZERO, key(0, 0), &config, None), at("239.1.0.0:5002"));
    assert_eq!(
        Groups::default().take(Instant::ZERO, key(0, 0), &of("239.1.0.0/16").ports(5000, 5000), None),
        None
    );
    assert_eq!(Groups::default().take(Instant::ZERO, key(0, 0), &of("239.1.0.0/16").ports(9, 3), None), None);
    assert_eq!(
        Groups::default().take(Instant::ZERO, key(0, 0), &of("239.1.0.0/16").ports(u16::MAX, u16::MAX), None),
        None
    );
}
