//! The driver's table of sockets: which connection a socket carries, and how to find one by the other.
//!
//! Knows no world and no server; both sides' keys carry a generation, and a key of an earlier holder finds nothing.

use super::readiness::Readiness;
use super::world::SocketKey;
use crate::ident::ConnectionId;

/// One open socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) key: SocketKey,
    pub(crate) connection: ConnectionId,
    pub(crate) readiness: Readiness,
    /// On the list of sockets to read in the next read step.
    pub(crate) is_listed_to_read: bool,
    /// On the list of sockets to write in the next write step.
    pub(crate) is_listed_to_write: bool,
    /// More waited than it may write in a turn, and still does: its writes take turns.
    pub(crate) is_bulk: bool,
    /// The server knows that the connection is broken.
    pub(crate) is_break_told: bool,
    /// The server wants the writing side shut down once nothing waits.
    pub(crate) is_write_shutdown_wanted: bool,
}

/// Open sockets by either key. Both tables are as long as the highest slot in use was.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    by_key: Vec<Option<Socket>>,
    by_connection: Vec<Option<SocketKey>>,
}

impl Sockets {
    /// Adds a fresh socket.
    pub(crate) fn insert(&mut self, key: SocketKey, connection: ConnectionId) {
        let socket = Socket {
            key,
            connection,
            readiness: Readiness::fresh(),
            is_listed_to_read: false,
            is_listed_to_write: false,
            is_bulk: false,
            is_break_told: false,
            is_write_shutdown_wanted: false,
        };
        let earlier = slot(&mut self.by_key, key.index).replace(socket);
        debug_assert!(earlier.is_none(), "the world gave a slot that is taken");
        let earlier = slot(&mut self.by_connection, connection.index).replace(key);
        debug_assert!(earlier.is_none(), "the server gave a slot that is taken");
    }

    /// The socket with this key, if it is still open.
    pub(crate) fn by_key(&mut self, key: SocketKey) -> Option<&mut Socket> {
        let socket = self.by_key.get_mut(key.index as usize)?.as_mut()?;
        (socket.key == key).then_some(socket)
    }

    /// The socket in this slot, whoever holds it. Only a planted bug asks so.
    pub(crate) fn by_slot(&mut self, key: SocketKey) -> Option<&mut Socket> {
        self.by_key.get_mut(key.index as usize)?.as_mut()
    }

    /// The socket of this connection, if it is still open.
    pub(crate) fn by_connection(&mut self, connection: ConnectionId) -> Option<&mut Socket> {
        let key = (*self.by_connection.get(connection.index as usize)?)?;
        let socket = self.by_key(key)?;
        (socket.connection == connection).then_some(socket)
    }

    /// Takes the socket of this connection out: from now on nothing finds it.
    pub(crate) fn remove(&mut self, connection: ConnectionId) -> Option<Socket> {
        let key = self.by_connection(connection)?.key;
        self.by_connection[connection.index as usize] = None;
        self.by_key[key.index as usize].take()
    }
}

fn slot<T>(table: &mut Vec<Option<T>>, index: u32) -> &mut Option<T> {
    let index = index as usize;
    if table.len() <= index {
        table.resize_with(index + 1, || None);
    }
    &mut table[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u32, generation: u32) -> SocketKey {
        SocketKey { index, generation }
    }

    fn connection(index: u32, generation: u32) -> ConnectionId {
        ConnectionId { index, generation }
    }

    #[test]
    fn a_socket_is_found_by_both_keys() {
        let mut sockets = Sockets::default();
        sockets.insert(key(2, 1), connection(0, 1));
        sockets.insert(key(0, 2), connection(5, 2));
        assert_eq!(
            sockets.by_key(key(2, 1)).map(|socket| socket.connection),
            Some(connection(0, 1))
        );
        assert_eq!(
            sockets.by_connection(connection(5, 2)).map(|socket| socket.key),
            Some(key(0, 2))
        );
        assert!(sockets.by_key(key(1, 1)).is_none());
        assert!(sockets.by_connection(connection(9, 9)).is_none());
    }

    #[test]
    fn keys_of_an_earlier_holder_find_nothing() {
        let mut sockets = Sockets::default();
        sockets.insert(key(0, 1), connection(0, 1));
        assert!(sockets.remove(connection(0, 1)).is_some());
        assert!(sockets.remove(connection(0, 1)).is_none());
        sockets.insert(key(0, 2), connection(0, 2));
        assert!(sockets.by_key(key(0, 1)).is_none());
        assert!(sockets.by_connection(connection(0, 1)).is_none());
        assert!(sockets.remove(connection(0, 1)).is_none());
        assert!(sockets.by_key(key(0, 2)).is_some());
    }
}
