//! Room for the connections: each takes a descriptor, and a process may have only so many. Many systems start one with a
//! soft limit of 1,024, for the sake of programs that use `select`; this one does not, so it takes what it is allowed.

use crate::limits::Limits;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one, and says in the log what that makes room for. It never fails:
/// with fewer descriptors, accepting pauses while they are all in use.
pub(super) fn make_room(limits: &Limits) {
    let found = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: found.maximum,
        ..found
    };
    let raised = if wanted == found {
        Ok(found)
    } else {
        setrlimit(Resource::Nofile, wanted).map(|()| wanted)
    };
    match told(found, raised) {
        Ok(text) => log::info!("{text}"),
        Err(text) => log::warn!("{text}"),
    }
    let room = raised.unwrap_or(found).current;
    if let Some(text) = shortage(room, limits) {
        log::warn!("{text}");
    }
}

/// What became of the limit; an error is worth a warning.
fn told(found: Rlimit, raised: Result<Rlimit, Errno>) -> Result<String, String> {
    let before = figure(found.current);
    match raised {
        Ok(now) if now == found => Ok(format!("up to {before} files may be open at once")),
        Ok(now) => Ok(format!(
            "up to {} files may be open at once, raised from {before}",
            figure(now.current)
        )),
        Err(error) => Err(format!(
            "up to {before} files may be open at once; the limit could not be raised to {}: {error}",
            figure(found.maximum)
        )),
    }
}

/// What to say when the connections do not fit.
fn shortage(room: Option<u64>, limits: &Limits) -> Option<String> {
    let room = room?;
    let connections = limits.connections_max as u64;
    let refused = limits.connections_refused_max as u64;
    let needed = connections + refused + OWN_DESCRIPTORS + limits.workers as u64;
    (room < needed).then(|| {
        format!(
            "connections_max is {connections}, but the limit of {room} open files leaves room for {}: \
             raise the hard limit (ulimit -Hn, LimitNOFILE=) to {needed}, or set MCP_MAX_CONNECTIONS",
            connections.saturating_sub(needed - room)
        )
    })
}

fn figure(limit: Option<u64>) -> String {
    limit.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string())
}

/// Descriptors besides the connections and the workers' own: standard streams, two listeners, the poll and its waker,
/// the pipe of the signals, the thread of the cancels. These are about 12; the rest is for a name to be looked up and a
/// key to be read.
const OWN_DESCRIPTORS: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn rlimit(current: u64, maximum: Option<u64>) -> Rlimit {
        Rlimit {
            current: Some(current),
            maximum,
        }
    }

    #[test]
    fn the_log_says_what_was_and_what_is() {
        let found = rlimit(1_024, Some(4_096));
        assert_eq!(
            told(found, Ok(rlimit(4_096, Some(4_096)))),
            Ok("up to 4096 files may be open at once, raised from 1024".to_owned())
        );
        assert_eq!(
            told(found, Ok(found)),
            Ok("up to 1024 files may be open at once".to_owned())
        );
        let refused = told(rlimit(1_024, None), Err(Errno::PERM)).unwrap_err();
        assert!(
            refused.starts_with("up to 1024 files") && refused.contains("any number of"),
            "{refused}"
        );
    }

    #[test]
    fn a_shortage_names_both_limits_and_begins_where_it_begins() {
        let limits = Limits {
            connections_max: 1_000,
            connections_refused_max: 64,
            workers: 8,
            ..Limits::default()
        };
        assert_eq!(shortage(Some(1_104), &limits), None);
        assert_eq!(shortage(None, &limits), None);
        let text = shortage(Some(1_103), &limits).unwrap();
        assert!(
            text.starts_with(
                "connections_max is 1000, but the limit of 1103 open files leaves room for 999: "
            ),
            "{text}"
        );
        let text = shortage(Some(20), &limits).unwrap();
        assert!(text.contains("leaves room for 0: "), "{text}");
    }
}
