//! The sockets of the simulated world: what accepting, reading, writing and closing come to, and what no driver may do.

use std::io::{self, ErrorKind, IoSlice};

use snowflake_mcp::reactor::world::{SocketKey, Transport};
use snowflake_mcp::server::Peer as ServerPeer;

use super::SimulatedWorld;

impl Transport for SimulatedWorld {
    fn accept(&mut self) -> io::Result<(SocketKey, ServerPeer)> {
        if self.table_full_at == Some(self.now) {
            self.violations
                .push("accepting goes on in the moment in which the table was full".to_owned());
        }
        if !self.is_listening {
            self.violations.push("accepting on closed listeners".to_owned());
        }
        if self.backlog.is_empty() || !self.is_listening {
            self.is_accept_armed = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.plan.faults.full_table && self.chance() {
            self.table_full_at = Some(self.now);
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let Some(number) = self.backlog.pop_front() else {
            return Err(ErrorKind::WouldBlock.into());
        };
        if self.plan.faults.aborted_accepts && self.chance() {
            self.clients[number].peer.is_over = true;
            self.has_acted = true;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let index = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        if index == self.slots.len() {
            self.slots.push(None);
        }
        self.generation += 1;
        let key = SocketKey {
            index: index as u32,
            generation: self.generation,
        };
        self.slots[index] = Some((key, number));
        self.clients[number].link.key = Some(key);
        self.note("accept", number as u64, index);
        let stream = if self.plan.is_stdio {
            ServerPeer::Stdio
        } else {
            ServerPeer::Tcp
        };
        Ok((key, stream))
    }

    fn stop_accepting(&mut self) {
        self.is_listening = false;
        for number in self.backlog.drain(..) {
            self.clients[number].peer.is_over = true;
        }
    }

    fn read(&mut self, socket: SocketKey, into: &mut [u8]) -> io::Result<usize> {
        let number = self.client(socket, "a read")?;
        if into.is_empty() {
            self.violations.push("a read into nothing".to_owned());
        }
        if self.plan.faults.interrupted && self.chance() {
            return Err(ErrorKind::Interrupted.into());
        }
        let is_short = self.plan.faults.short_reads && self.chance();
        let limit = if is_short {
            1 + self.random.below(8) as usize
        } else {
            usize::MAX
        };
        let turn = self.turn;
        let link = &mut self.clients[number].link;
        if link.is_end_read {
            self.violations
                .push(format!("peer {number} is read after its end"));
        }
        if link.is_reset {
            link.reset_told.get_or_insert(turn);
            self.has_acted = true;
            return Err(ErrorKind::ConnectionReset.into());
        }
        if link.to_server.is_empty() {
            if link.peer_ended {
                link.is_end_read = true;
                link.ended_at = Some(self.now);
                self.note("end", number as u64, 0);
                return Ok(0);
            }
            link.arm_read();
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = link.to_server.len().min(into.len()).min(limit);
        for (byte, read) in into.iter_mut().zip(link.to_server.drain(..count)) {
            *byte = read;
        }
        link.bytes_read += count;
        self.note("read", number as u64, count);
        Ok(count)
    }

    fn write(&mut self, socket: SocketKey, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let number = self.client(socket, "a write")?;
        if self.plan.faults.interrupted && self.chance() {
            return Err(ErrorKind::Interrupted.into());
        }
        let is_short = self.plan.faults.short_writes && self.chance();
        let limit = if is_short {
            1 + self.random.below(20) as usize
        } else {
            usize::MAX
        };
        let turn = self.turn;
        let link = &mut self.clients[number].link;
        link.is_write_owed = false;
        if link.server_ended {
            self.violations.push(format!(
                "peer {number} is written to after its writing side was shut down"
            ));
        }
        if link.is_reset {
            link.reset_told.get_or_insert(turn);
            self.has_acted = true;
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = link.space().min(limit);
        if count == 0 {
            link.arm_write();
            return Err(ErrorKind::WouldBlock.into());
        }
        let before = link.to_peer.len();
        let bytes = from.iter().flat_map(|slice| slice.iter().copied());
        link.to_peer.extend(bytes.take(count));
        let count = link.to_peer.len() - before;
        link.written += count as u64;
        link.is_turned_away |= link.bytes_read == 0;
        // A peer that still takes its replies is not forgotten.
        link.ended_at = link.ended_at.map(|_| self.now);
        if count == 0 {
            self.violations.push("a write of nothing".to_owned());
        }
        self.note("write", number as u64, count);
        self.plan_act_soon(number);
        Ok(count)
    }

    fn shutdown_write(&mut self, socket: SocketKey) -> io::Result<()> {
        let number = self.client(socket, "a shutdown")?;
        let link = &mut self.clients[number].link;
        link.server_ended = true;
        link.lingers = Some((self.now, link.bytes_read));
        self.note("shutdown", number as u64, 0);
        self.plan_act_soon(number);
        Ok(())
    }

    fn close(&mut self, socket: SocketKey) {
        let Ok(number) = self.client(socket, "a close") else {
            return;
        };
        self.slots[socket.index as usize] = None;
        self.closed_keys.push(socket);
        self.closed_now.push(number);
        // A closed socket is a free descriptor: trying to accept at once is right.
        self.table_full_at = None;
        let open = 1 + self.slots.iter().flatten().count();
        let is_full = open > self.plan.limits.connections_max;
        let client = &mut self.clients[number];
        client.is_turned_away = client.link.written == 0 && (self.is_draining || is_full);
        client.link.key = None;
        client.link.close();
        self.note("close", number as u64, 0);
        self.plan_act_soon(number);
    }
}

impl SimulatedWorld {
    /// The client behind a socket that is open.
    fn client(&mut self, socket: SocketKey, what: &str) -> io::Result<usize> {
        match self.slots.get(socket.index as usize) {
            Some(Some((key, number))) if *key == socket => Ok(*number),
            _ => {
                self.violations
                    .push(format!("{what} of a socket that is not open: {socket:?}"));
                Err(ErrorKind::NotConnected.into())
            }
        }
    }
}

/// "Too many open files" on Linux and the BSDs.
const EMFILE: i32 = 24;
