use std::collections::VecDeque;

use rtspan_core::limits::{EVENTS_MAX, QUESTIONS_MAX};
use rtspan_core::server::Event;

/// Events that wait for the application.
///
/// When it does not take them, the oldest of a full queue is dropped: news first, and beginnings and ends only when
/// there is nothing else. Questions have a bound of their own. [`Event::Missed`] stands where something was dropped.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// A queue for each class, so that the oldest of one is at its front.
    news: Queue,
    lives: Queue,
    questions: Queue,
    /// How many events were ever added: the number of the next.
    added: u64,
    /// The number of the event that the application takes next, if it was not dropped.
    expected: u64,
    dropped: u64,
}

/// Events of a class, each with its number among all.
type Queue = VecDeque<(u64, Event)>;

impl Events {
    /// Adds an event; the one that was dropped for it, if one was.
    pub(crate) fn push(&mut self, event: Event) -> Option<Event> {
        let is_question = event.is_question();
        let dropped = if is_question {
            if self.questions.len() < QUESTIONS_MAX { None } else { self.questions.pop_front() }
        } else if self.news.len() + self.lives.len() < EVENTS_MAX {
            None
        } else {
            self.news.pop_front().or_else(|| self.lives.pop_front())
        };
        self.dropped += u64::from(dropped.is_some());
        let queue = if is_question {
            &mut self.questions
        } else if event.is_life() {
            &mut self.lives
        } else {
            &mut self.news
        };
        queue.push_back((self.added, event));
        self.added += 1;
        dropped.map(|(_, event)| event)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let queues = [&mut self.news, &mut self.lives, &mut self.questions];
        let fronts = queues.into_iter().filter_map(|queue| Some((queue.front()?.0, queue)));
        let (number, oldest) = fronts.min_by_key(|(number, _)| *number)?;
        let missing = number - self.expected;
        if missing > 0 {
            self.expected = number;
            return Some(Event::Missed { count: missing });
        }
        self.expected = number + 1;
        oldest.pop_front().map(|(_, event)| event)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use rtspan_core::Instant;
    use rtspan_core::StreamId;
    use rtspan_core::conn::CloseReason;
    use rtspan_core::description::{Description, Format, Media, MediaKind};
    use rtspan_core::server::{Asks, Output, Server, ServerConfig};
    use rtspan_core::stream::{StreamLog, Streams};
    use rtspan_core::wire::{Message, Method, Request};

    use super::*;

    fn polled(server: &mut Server) -> Vec<Event> {
        let outputs = std::iter::from_fn(|| server.poll_output());
        outputs
            .filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None })
            .collect()
    }

    fn waiting(events: &Events) -> usize {
        events.news.len() + events.lives.len() + events.questions.len()
    }

    /// The events of a connection that is opened and closed.
    fn lives() -> Vec<Event> {
        let mut server = Server::new(ServerConfig::default(), [0; 32]);
        let now = Instant::ZERO + Duration::from_secs(1);
        let conn =
            server.open_conn(now, SocketAddr::from((Ipv4Addr::LOCALHOST, 1))).expect("room for one").id;
        server.handle_conn_closed(now, conn, CloseReason::PeerClosed);
        polled(&mut server)
    }

    fn published() -> Vec<Event> {
        let mut server = Server::new(ServerConfig::default(), [0; 32]);
        let media = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        server.add_stream(Instant::ZERO, "/a", Description::new(vec![media])).expect("a free path");
        polled(&mut server)
    }

    /// An event that is only news.
    fn news(count: u64) -> Event {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Event::ConnProxied {
            conn: match lives().pop() {
                Some(Event::ConnClosed { conn, .. }) => conn,
                other => panic!("not the end of a connection but {other:?}"),
            },
            peer: SocketAddr::new(peer.ip(), u16::try_from(count).expect("a small number")),
            proxy: peer,
        }
    }

    fn port(event: &Event) -> Option<u16> {
        if let Event::ConnProxied { peer, .. } = event { Some(peer.port()) } else { None }
    }

    #[test]
    fn one_event_over_the_bound_takes_the_place_of_the_oldest_news_and_is_told_there() {
        let mut events = Events::default();
        published().into_iter().for_each(|event| _ = events.push(event));
        (1..EVENTS_MAX as u64).for_each(|count| _ = events.push(news(count)));
        assert_eq!((events.dropped(), waiting(&events)), (0, EVENTS_MAX));
        lives().into_iter().for_each(|event| _ = events.push(event));
        assert_eq!((events.dropped(), waiting(&events)), (2, EVENTS_MAX));
        assert!(matches!(events.pop(), Some(Event::Published { .. })));
        assert!(matches!(events.pop(), Some(Event::Missed { count: 2 })));
        assert_eq!(events.pop().as_ref().and_then(port), Some(3));
        let rest: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert!(matches!(rest[rest.len() - 2..], [Event::ConnOpened { .. }, Event::ConnClosed { .. }]));
        assert_eq!(waiting(&events), 0);
    }

    #[test]
    fn what_begins_and_ends_is_dropped_only_when_there_is_nothing_else() {
        let mut events = Events::default();
        let both = lives();
        let once = both.len();
        (0..EVENTS_MAX / once).for_each(|_| lives().into_iter().for_each(|event| _ = events.push(event)));
        events.push(news(1));
        assert!(matches!(events.pop(), Some(Event::Missed { count: 1 })), "there was nothing else");
        events.push(news(2));
        assert_eq!(events.dropped(), 2, "the other news");
        assert_eq!(events.lives.len(), EVENTS_MAX - 1);
        let rest: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        let gaps = rest.iter().filter(|event| matches!(event, Event::Missed { .. })).count();
        assert_eq!((gaps, rest.last().and_then(port)), (1, Some(2)));
    }

    /// Questions for descriptions, of a connection each.
    fn questions(count: usize) -> Vec<Event> {
        let mut server = Server::new(ServerConfig::default().conns_max(count).asks(Asks::DESCRIBE), [0; 32]);
        let now = Instant::ZERO + Duration::from_secs(1);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        for cseq in 0..count {
            let conn = server.open_conn(now, peer).expect("as many as there may be").id;
            let mut request = Request::new(Method::Describe, "rtsp://h/cam");
            request.headers.set("CSeq", cseq);
            server.handle_message(now, conn, Message::Request(request), &Nowhere);
        }
        polled(&mut server).into_iter().filter(Event::is_question).collect()
    }

    struct Nowhere;

    impl Streams for Nowhere {
        fn read(&self, _: StreamId, _: &mut dyn FnMut(&StreamLog)) -> bool {
            false
        }
    }

    #[test]
    fn one_question_over_the_bound_takes_the_place_of_the_oldest_and_of_nothing_else() {
        let mut events = Events::default();
        lives().into_iter().for_each(|event| _ = events.push(event));
        let lives = waiting(&events);
        let questions = questions(QUESTIONS_MAX + 1);
        assert_eq!(questions.len(), QUESTIONS_MAX + 1);
        for (count, event) in (1..).zip(questions) {
            events.push(event);
            assert_eq!(events.dropped(), u64::from(count > QUESTIONS_MAX));
        }
        assert_eq!((events.questions.len(), events.lives.len()), (QUESTIONS_MAX, lives));
        (0..lives).for_each(|_| assert!(events.pop().is_some_and(|event| event.is_life())));
        assert!(matches!(events.pop(), Some(Event::Missed { count: 1 })));
    }
}
