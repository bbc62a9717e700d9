use super::*;

#[test]
fn one_report_over_the_bound_is_left_out() {
    let mut queues = Queues::default();
    let to = SocketAddr::from(([192, 0, 2, 1], 5001));
    let report = |number: usize| Bytes::copy_from_slice(&number.to_be_bytes());
    for number in 0..=UDP_REPORTS_WAITING_MAX {
        queues.report(Port::Rtcp, None, to, report(number));
    }
    assert_eq!(queues.reports.len(), UDP_REPORTS_WAITING_MAX);
    let last = queues.reports.back().unwrap();
    assert_eq!(last.report, report(UDP_REPORTS_WAITING_MAX - 1), "those that wait already are kept");
}
