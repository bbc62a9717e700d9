//! The news that the client of a player tells, and what its application makes of them.

use std::time::Duration;

use rtspan_core::client::{
    ClientCloseReason, ClientEvent, CommandError, Reply, State, SwitchReason, TrackTransport,
};

use super::ledger::Period;
use super::player::Player;
use super::role::Role;
use super::world::World;

impl World<'_> {
    pub(super) fn player_sees(&mut self, player: &mut Player, event: ClientEvent) {
        assert!(!player.is_over, "player {} was closed, and then {event:?}", player.index);
        match event {
            ClientEvent::Done(id, result) => {
                assert_eq!(player.asked.pop_front(), Some(id), "done out of turn: {result:?}");
                player.session =
                    self.session_of(player).filter(|_| !matches!(result, Ok(Reply::TornDown(_))));
                match result {
                    Ok(Reply::Playing(playing)) => {
                        self.counts.add("clients play", 1);
                        if player.has_password {
                            self.counts.add("clients that know a password play", 1);
                        }
                        self.check_playing(player, &playing);
                        let start = self.told_to(player).and_then(|told| told.start.as_ref());
                        let mut period = match start {
                            Some(start) => {
                                let is_sure = !start.is_seek && !player.is_unsure;
                                Period::begin_own(self.now, &playing, is_sure.then_some(start.from))
                            }
                            None => Period::begin(self.now, &playing, self.plan.begins_at_keyframes()),
                        };
                        if self.has_sought(player, id) {
                            period.seek();
                        }
                        for received in player.early.drain(..) {
                            period.take(&self.truth, &received, false, false);
                        }
                        player.period = Some(period);
                        self.learn_ports(player);
                    }
                    Ok(Reply::Recording) => {
                        self.counts.add("clients record", 1);
                        let is_elsewhere = player.place.take().is_some();
                        self.counts.add("publishers that record elsewhere", u64::from(is_elsewhere));
                        if let Role::Publisher { origin, source, .. } = &player.role {
                            // A PAUSE that was asked for in the meantime may cost packets.
                            let is_first = source.is_fresh() && player.asked.is_empty();
                            let what = self.way_of_publisher(player);
                            self.truth.set_lossless(*origin, what.filter(|_| is_first));
                        }
                        self.repeat(player);
                        player.next = self.now;
                    }
                    Ok(Reply::Paused) => {
                        // Packets that are under way over UDP do not come after it has begun again.
                        player.next = player.next.max(self.now + Duration::from_millis(200));
                        self.take_packets(player);
                        player.period = None;
                    }
                    Ok(Reply::Setup(info)) => {
                        player.left_out.remove(&info.media);
                        player.media_destinations.remove(&info.media);
                        if let TrackTransport::Udp { client_ports, rtp, .. } = info.transport {
                            player.media_ports.insert(info.media, client_ports.0);
                            player.media_destinations.extend(rtp.map(|to| (info.media, to)));
                        }
                    }
                    Ok(Reply::Described(description)) => {
                        player
                            .comeback
                            .iter_mut()
                            .for_each(|comeback| comeback.describe(&description, false));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        self.expect_as_before(player, id);
                        let is_ready = player.client.state() == State::PrePlay;
                        // It was a wish to play, which was refused elsewhere.
                        player.journey = player.journey.take().filter(|_| !is_ready);
                        self.has_sought_in_vain(player, id);
                        let is_refused = matches!(
                            error,
                            CommandError::CredentialsRefused(_) | CommandError::Unauthorized(_)
                        );
                        let is_right = player.has_password && self.plan.takes_right_credentials();
                        assert!(!is_refused || !is_right, "right credentials are refused: {error:?}");
                        if is_refused {
                            self.counts.add("clients refused for their credentials", 1);
                        }
                        self.check_refusal(player, &error);
                        let is_lost = error == CommandError::ConnectionLost;
                        let is_publisher = matches!(player.role, Role::Publisher { .. });
                        player.is_unsure |= error == CommandError::Timeout || (is_lost && is_publisher);
                        self.counts.add("commands failed", 1);
                        if self.chance.happens(200) {
                            self.leave(player);
                        }
                    }
                }
            }
            ClientEvent::TransportSwitched(reason) => {
                self.counts.add("clients switched to TCP", 1);
                player.session = None;
                // Before anything plays it stays on the same connection.
                if !matches!(reason, SwitchReason::Refused | SwitchReason::NoSockets) {
                    let peer = player.peer();
                    player.period = player.period.take().map(|_| Period::after_switch(self.now, peer));
                }
            }
            ClientEvent::Reconnecting { cause, attempt, wait } => {
                if matches!(cause, ClientCloseReason::ConnectionLost(_)) {
                    self.check_farewell(player);
                }
                player.farewell = None;
                self.player_loses(player, &cause, (attempt, wait));
            }
            ClientEvent::Reconnected { attempts, away } => self.player_is_back(player, attempts, away),
            ClientEvent::Redirected(place) => self.player_goes(player, &place),
            ClientEvent::RedirectFailed(attempt) => self.player_goes_back(player, &attempt),
            ClientEvent::Ended(media) => {
                self.counts.add("streams ended for a client", 1);
                player.period.iter_mut().for_each(|period| period.ended(media));
            }
            ClientEvent::Restarted(media) => {
                self.counts.add("streams restarted for a client", 1);
                player.period.iter_mut().for_each(|period| period.restarted(media));
            }
            ClientEvent::TcpRefused(_) => self.counts.add("clients back to UDP", 1),
            ClientEvent::MediaRefused(media, _) => {
                player.left_out.insert(media);
                self.counts.add("medias left out by clients", 1);
            }
            ClientEvent::BackChannelRefused(_) => self.counts.add("back channels refused", 1),
            ClientEvent::MediaSilent(_) => self.counts.add("silences told to clients", 1),
            ClientEvent::MediaResumed(_) => {}
            ClientEvent::Disconnected => self.counts.add("sessions that outlived their connection", 1),
            ClientEvent::Closed(reason) => {
                assert!(player.asked.is_empty(), "closed and not done: {:?}", player.asked);
                self.counts.add(
                    match reason {
                        ClientCloseReason::ConnectionLost(_) => "clients that lost the connection",
                        ClientCloseReason::Silence | ClientCloseReason::NothingOverUdp { .. } => {
                            "clients that heard nothing"
                        }
                        _ => "clients closed",
                    },
                    1,
                );
                if matches!(reason, ClientCloseReason::ConnectionLost(_)) {
                    self.check_farewell(player);
                }
                self.check_end(player, &reason);
                self.player_ends_elsewhere(player, &reason);
                player.is_over = true;
                player.farewell = None;
                player.period = None;
            }
            ClientEvent::DescriptionChanged(description) => {
                player.comeback.iter_mut().for_each(|comeback| comeback.describe(&description, true));
                self.counts.add("descriptions changed", 1);
            }
            ClientEvent::LossReported { media, fraction_lost, .. } => {
                let is_sent =
                    player.client.media_stats(self.now, media).is_some_and(|own| own.sent_packets > 0);
                assert!(is_sent && fraction_lost > 0, "a loss of what was never sent");
                self.counts.add("losses reported to publishers", 1);
            }
            other => panic!("an event that nobody knows: {other:?}"),
        }
    }
}
