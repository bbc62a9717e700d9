use std::collections::VecDeque;

use rtspan_core::limits::{EVENTS_MAX, QUESTIONS_MAX};
use rtspan_core::server::Event;

/// Events that wait for the application.
///
/// When it does not take them, the oldest of a full queue is dropped: news first, and what begins and ends only when
/// there is nothing else. Questions have a bound of their own. [`Event::Missed`] stands where something was dropped.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    /// How many of each class wait.
    news: usize,
    lives: usize,
    questions: usize,
    dropped: u64,
}

impl Events {
    /// Adds an event; the one that was dropped for it, if one was.
    pub(crate) fn push(&mut self, event: Event) -> Option<Event> {
        let mut dropped = None;
        if is_news(&event) || event.is_life() {
            if self.news + self.lives >= EVENTS_MAX {
                let drops_news = self.news > 0;
                dropped = self.drop_oldest(|event| if drops_news { is_news(event) } else { event.is_life() });
            }
        } else if self.questions >= QUESTIONS_MAX {
            dropped = self.drop_oldest(Event::is_question);
        }
        *self.count_of(&event) += 1;
        self.queue.push_back(event);
        dropped
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop_front()?;
        if !is_gap(&event) {
            *self.count_of(&event) -= 1;
        }
        Some(event)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn count_of(&mut self, event: &Event) -> &mut usize {
        match event {
            event if event.is_question() => &mut self.questions,
            event if event.is_life() => &mut self.lives,
            _ => &mut self.news,
        }
    }

    /// Leaves a gap in the place of the oldest event of a kind; gaps that touch become one.
    fn drop_oldest(&mut self, of: impl Fn(&Event) -> bool) -> Option<Event> {
        let place = self.queue.iter().position(of)?;
        let event = self.queue.remove(place)?;
        *self.count_of(&event) -= 1;
        self.dropped += 1;
        let behind = self.take_gap(place);
        let before = place.checked_sub(1).map_or(0, |before| self.take_gap(before));
        let place = if before > 0 { place - 1 } else { place };
        self.queue.insert(place, Event::Missed { count: before + 1 + behind });
        Some(event)
    }

    /// Takes the gap at a place out of the queue: how many events are missing there.
    fn take_gap(&mut self, place: usize) -> u64 {
        match self.queue.get(place) {
            Some(Event::Missed { count }) => {
                let count = *count;
                self.queue.remove(place);
                count
            }
            _ => 0,
        }
    }
}

fn is_gap(event: &Event) -> bool {
    matches!(event, Event::Missed { .. })
}

fn is_news(event: &Event) -> bool {
    !event.is_question() && !event.is_life() && !is_gap(event)
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

    /// What a connection, opened and closed, is told with.
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
        assert_eq!((events.dropped(), events.queue.len()), (0, EVENTS_MAX));
        lives().into_iter().for_each(|event| _ = events.push(event));
        assert_eq!((events.dropped(), events.queue.len()), (2, EVENTS_MAX + 1));
        assert!(matches!(events.pop(), Some(Event::Published { .. })));
        assert!(matches!(events.pop(), Some(Event::Missed { count: 2 })));
        assert_eq!(events.pop().as_ref().and_then(port), Some(3));
        let rest: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert!(matches!(rest[rest.len() - 2..], [Event::ConnOpened { .. }, Event::ConnClosed { .. }]));
        assert_eq!((events.news, events.lives, events.questions), (0, 0, 0));
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
        assert!(matches!(events.queue.back(), Some(event) if port(event) == Some(2)));
        let gaps = events.queue.iter().filter(|event| is_gap(event)).count();
        assert_eq!((gaps, events.lives), (1, EVENTS_MAX - 1));
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
        let lives = events.queue.len();
        let questions = questions(QUESTIONS_MAX + 1);
        assert_eq!(questions.len(), QUESTIONS_MAX + 1);
        for (count, event) in (1..).zip(questions) {
            events.push(event);
            assert_eq!(events.dropped(), u64::from(count > QUESTIONS_MAX));
        }
        assert_eq!((events.questions, events.lives), (QUESTIONS_MAX, lives));
        (0..lives).for_each(|_| assert!(events.pop().is_some_and(|event| event.is_life())));
        assert!(matches!(events.pop(), Some(Event::Missed { count: 1 })));
    }
}
