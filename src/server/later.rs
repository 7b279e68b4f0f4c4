//! What a message leads to besides its own answer, done when no connection is being served any more: its connection is
//! borrowed while it is read, and what follows may concern any other.
//!
//! A queue, not calls: a pipeline of scripts must not become a stack of them. It is empty between two turns.

use serde_json::value::RawValue;

use super::Server;
use super::batches::BatchKey;
use super::scripts::Resume;
use super::streams::StreamKey;
use crate::ident::{ConnectionId, JobId};
use crate::mcp::Changes;
use crate::mcp::session::{Freed, Resumed};
use crate::time::Now;
use crate::wire::buffer::Piece;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Later {
    /// Something has happened to the script of a call.
    Resume(JobId, Resume),
    /// A call waits behind so many of the same caller's.
    TellPlace(JobId, usize),
    /// The client has answered the question that this call put to it, with a result or an error.
    Answer(JobId, Result<Box<RawValue>, Box<RawValue>>),
    /// This call is answered with a task.
    Become(JobId),
    /// A task has another status than before.
    TaskChanged(u64),
    /// A stream that has just begun says its first message.
    Say(StreamKey, Vec<u8>),
    /// A stream of HTTP+SSE that has just begun says where to post.
    Endpoint(StreamKey, String),
    /// A message was posted for a stream of HTTP+SSE.
    Message(StreamKey, Vec<u8>),
    /// What a client missed is said on the stream that it came back with.
    Replay(StreamKey, Box<Resumed>),
    /// The client of a session takes this call back.
    Cancel(JobId),
    /// A call of this batch was taken back; it may have been the last that was waited for.
    Batch(ConnectionId, BatchKey),
    /// A session is over: what was for it ends.
    Free(Freed),
    /// What the server offers has changed.
    Tell(Changes),
}

impl Server {
    /// Does everything that was put off, and what that leads to.
    pub(super) fn do_later(&mut self, now: Now) {
        while let Some(later) = self.core.later.pop_front() {
            match later {
                Later::Resume(job, resume) => self.resume_script(now, job, &resume),
                Later::TellPlace(job, before) => self.tell_place(now, job, before),
                Later::Answer(job, said) => self.on_answer(now, job, said),
                Later::Become(job) => self.become_task(now, job),
                Later::TaskChanged(number) => self.on_task_changed(now, number),
                Later::Say(stream, message) => {
                    self.push_event(now, stream, &mut [Piece::Owned(message)]);
                }
                Later::Endpoint(stream, endpoint) => self.say_endpoint(now, stream, endpoint),
                Later::Message(stream, message) => self.on_posted(now, stream, &message),
                Later::Replay(stream, resumed) => self.replay(now, stream, *resumed),
                Later::Cancel(job) => self.take_back(now, job),
                Later::Batch(connection, batch) => self.finish_batch(now, connection, batch),
                Later::Free(freed) => self.free(now, freed),
                Later::Tell(changes) => self.tell_changes(now, &changes),
            }
        }
    }
}
