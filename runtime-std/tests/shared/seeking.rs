//! Pausing, resuming and going elsewhere.

use std::pin::pin;
use std::time::Duration;

use rtspan_std::client::Client;
use rtspan_std::header::NptTime;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerStream};
use rtspan_std::{Asks, Event, Playback, Question, Range, ServerConfig, State, Transports};

use super::{UDP, both, description, event, number, packet, serve, url};

const MINUTE: Duration = Duration::from_secs(60);

async fn asked_to_play<R: Runtime>(server: &Server<R>) -> Question<rtspan_std::Play> {
    event(server, |event| match event {
        Event::Play(question) => Some(question),
        _ => None,
    })
    .await
}

/// Gives the reader that comes a stream of its own.
async fn give_film<R: Runtime>(server: &Server<R>) -> ServerStream {
    let mut question = event(server, |event| match event {
        Event::Setup(question) => Some(question),
        _ => None,
    })
    .await;
    let film = server.publish_private(&question.path, description()).unwrap();
    question.ticket.set_stream(film.id());
    server.answer(question.ticket, Ok(())).unwrap();
    film
}

pub(crate) async fn a_client_goes_elsewhere_in_a_stream_while_it_plays<R: Runtime>() {
    for transports in [Transports::Tcp, Transports::Udp] {
        let config = ServerConfig::default().udp(Some(UDP)).asks(Asks::SETUP | Asks::PLAY);
        let server = serve::<R>(config).await;
        let film_server = server.publish("/film", description()).unwrap();
        let client =
            Client::<R>::builder(&url(&server, "/film")).unwrap().transport(transports).build().unwrap();
        client.describe().await.unwrap();
        let mut film = None;
        both(pin!(client.setup(0)), async { film = Some(give_film(&server).await) }).await.unwrap();
        let film = film.unwrap();
        let begin = async {
            let question = asked_to_play(&server).await;
            film.write(0, packet(0, 1, 100)).unwrap();
            server.answer(question.ticket, Ok(())).unwrap();
        };
        both(pin!(client.play(None)), begin).await.unwrap();
        let mut packets = client.packets();
        let first = packets.next().await.unwrap().unwrap();
        assert_eq!((number(&first), first.time.pts), (1, 0));

        let there = Playback::from(Range::from_npt(MINUTE)).scale(2.0);
        let go = async {
            let mut question = asked_to_play(&server).await;
            assert_eq!((question.range(), question.scale()), (Some(Range::from_npt(MINUTE)), Some(2.0)));
            question.ticket.set_range(Range::from_npt(MINUTE - Duration::from_secs(1)));
            question.ticket.set_scale(1.5).unwrap();
            film.write(0, packet(0, 30_000, 100)).unwrap();
            server.answer(question.ticket, Ok(())).unwrap();
        };
        let playing = both(pin!(client.seek(there)), go).await.unwrap();
        assert_eq!(playing.scale, Some(1.5));
        let start = NptTime::At(Duration::from_secs(59));
        assert!(matches!(playing.range, Some(Range::Npt { start: Some(own), .. }) if own == start));
        let second = packets.next().await.unwrap().unwrap();
        assert_eq!((number(&second), second.time.begins_anew), (30_000, true));
        assert!(second.time.pts > first.time.pts);

        client.pause().await.unwrap();
        assert_eq!(client.state(), State::PrePlay);
        let resume = async {
            let question = asked_to_play(&server).await;
            assert_eq!(question.range(), None);
            film.write(0, packet(0, 30_001, 100)).unwrap();
            server.answer(question.ticket, Ok(())).unwrap();
        };
        both(pin!(client.play(None)), resume).await.unwrap();
        assert_eq!(number(&packets.next().await.unwrap().unwrap()), 30_001);
        client.teardown().await.unwrap();
        drop(film_server);
    }
}
