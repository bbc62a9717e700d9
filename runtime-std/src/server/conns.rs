use std::sync::Arc;

use rtspan_core::ConnId;
use rtspan_core::conn::ConnCommand;

use crate::wake::Wake;

/// The connections of a server by their handles, and what was ordered of each by others than itself.
#[derive(Debug, Default)]
pub(crate) struct Conns(Vec<Option<Place>>);

#[derive(Debug)]
struct Place {
    id: ConnId,
    wake: Arc<Wake>,
    letters: Vec<ConnCommand>,
}

impl Conns {
    pub(crate) fn insert(&mut self, id: ConnId, wake: Arc<Wake>) {
        if self.0.len() <= id.index() {
            self.0.resize_with(id.index() + 1, || None);
        }
        self.0[id.index()] = Some(Place { id, wake, letters: Vec::new() });
    }

    pub(crate) fn remove(&mut self, id: ConnId) {
        if self.find(id).is_some() {
            self.0[id.index()] = None;
        }
    }

    /// Leaves an order for a connection, which is woken for it.
    pub(crate) fn order(&mut self, id: ConnId, order: ConnCommand) {
        if let Some(place) = self.find(id) {
            place.letters.push(order);
            place.wake.wake_for_letter();
        }
    }

    /// Hands on what waits for a connection; it is rare, and where nothing waits no memory is held.
    pub(crate) fn take_orders(&mut self, id: ConnId, orders: &mut Vec<ConnCommand>) {
        if let Some(place) = self.find(id).filter(|place| !place.letters.is_empty()) {
            orders.append(&mut std::mem::take(&mut place.letters));
            place.wake.lower_letter();
        }
    }

    pub(crate) fn wake_all(&self) {
        self.0.iter().flatten().for_each(|place| place.wake.wake());
    }

    fn find(&mut self, id: ConnId) -> Option<&mut Place> {
        self.0.get_mut(id.index())?.as_mut().filter(|place| place.id == id)
    }
}
