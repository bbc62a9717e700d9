//! Values of the application's on connections and sessions.

use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Holder, Server};
use rtspan_std::{ConnId, Event, ServerConfig, SessionId, limits};

use super::by_hand::{connect, play_by_hand};
use super::{description, event, pause, serve};

/// Locks the server's door again when it is dropped.
struct Looks<R: Runtime>(Arc<Server<R>>, ConnId);

impl<R: Runtime> Drop for Looks<R> {
    fn drop(&mut self) {
        let _ = self.0.connection(self.1);
    }
}

async fn opened<R: Runtime>(server: &Server<R>) -> (ConnId, SessionId) {
    event(server, |event| match event {
        Event::SessionOpened { conn, session, .. } => Some((conn, session)),
        _ => None,
    })
    .await
}

pub(crate) async fn a_value_on_a_connection_or_a_session_is_there_until_its_end_is_told<R: Runtime>() {
    let server = Arc::new(serve::<R>(ServerConfig::default()).await);
    let _stream = server.publish("/cam", description()).unwrap();
    let reader = play_by_hand::<R>(server.local_addr(), "/cam").await;
    let (conn, session) = opened(&server).await;
    let value = Arc::new("the viewer in room 7");
    assert!(server.data::<&str>(session).is_none());
    assert!(server.set_data(session, 1_u32));
    assert!(server.set_data(session, Arc::clone(&value)), "it takes the place of the other");
    assert!(server.set_data(conn, Looks(Arc::clone(&server), conn)));
    assert!(server.data::<u32>(session).is_none(), "it is of another type");
    assert_eq!(**server.data::<Arc<&str>>(session).unwrap(), *value);
    assert!(
        server.set_data(conn, Looks(Arc::clone(&server), conn)),
        "the one before is dropped behind the door"
    );
    drop(reader);
    let told = event(&server, |event| match event {
        Event::SessionClosed { session, .. } => Some(session),
        _ => None,
    });
    assert_eq!(told.await, session);
    assert_eq!(Arc::strong_count(&value), 2);
    assert_eq!(**server.data::<Arc<&str>>(session).unwrap(), *value, "whoever is told of the end finds it");
    assert!(!server.set_data(session, 1_u32), "there is nothing to put it on");
    assert!(server.data::<Looks<R>>(conn).is_some());
    let told = event(&server, |event| match event {
        Event::ConnClosed { conn, .. } => Some(conn),
        _ => None,
    });
    assert_eq!(told.await, conn);
    assert_eq!(Arc::strong_count(&value), 1, "it is gone with the next event");
    assert!(server.data::<Arc<&str>>(session).is_none());
    assert!(server.clear_data(conn) && !server.clear_data(Holder::Conn(conn)));
    assert!(server.data::<Looks<R>>(conn).is_none());
}

pub(crate) async fn values_are_let_go_although_nobody_takes_the_events<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let value = Arc::new(());
    let socket = connect(&server).await;
    let conn = loop {
        match server.connections().first() {
            Some(info) => break info.conn,
            None => pause::<R>().await,
        }
    };
    assert!(server.set_data(conn, Arc::clone(&value)));
    drop(socket);
    // The event of its end is dropped once there are so many behind it.
    let mut others = 0;
    while Arc::strong_count(&value) > 1 {
        assert!(others <= limits::EVENTS_MAX, "{}", server.events_dropped());
        others += 1;
        drop(connect(&server).await);
        pause::<R>().await;
    }
    assert!(server.events_dropped() > 0 && server.data::<Arc<()>>(conn).is_none());
}
