use std::sync::mpsc::{self, Receiver, Sender};

use super::*;
use crate::audit::{End, Verdict, Verifier};
use crate::time::{Instant, Now, WallTime};

#[derive(Clone, Copy)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Now {
        Now {
            monotonic: Instant::ZERO,
            wall: WallTime::from_micros(1_795_341_600_000_000),
        }
    }
}

/// A disk that takes lines only when it is told how often to fail before.
struct PlannedDisk {
    is_new: bool,
    answers: Receiver<bool>,
    written: Sender<Vec<u8>>,
}

impl Disk for PlannedDisk {
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.answers.recv().unwrap_or(true) {
            self.is_new = false;
            // The test may have seen enough.
            let _ = self.written.send(lines.to_vec());
            return Ok(());
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn rotate(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

fn settings(when_full: WhenFull) -> Settings {
    Settings {
        path: PathBuf::new(),
        file_bytes_max: 4_096,
        files_max: 3,
        when_full,
        queue_max: 4,
    }
}

fn record(tool: &'static str) -> Record {
    Record {
        at: WallTime::from_micros(1),
        principal: "key:ann".into(),
        address: "203.0.113.7".into(),
        client: "".into(),
        tool,
        job: None,
        texts: vec!["select 1".into()],
        summaries: Arc::default(),
        resolved: None,
        verdict: Verdict::Allow,
        query_id: None,
        duration_ms: 0,
        end: End::NotSent,
    }
}

fn planned(when_full: WhenFull) -> (Audit, Sender<bool>, Receiver<Vec<u8>>) {
    let (answer, answers) = mpsc::channel();
    let (written, lines) = mpsc::channel();
    let disk = PlannedDisk {
        is_new: true,
        answers,
        written,
    };
    let audit = Audit::start_on(disk, Chain::default(), &settings(when_full), FixedClock).unwrap();
    (audit, answer, lines)
}

fn verified(log: &[u8]) -> u64 {
    let mut verifier = Verifier::default();
    for line in log.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n') {
        verifier.take(line).unwrap();
    }
    verifier.lines()
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("snowflake-mcp-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn settings(&self, file_bytes_max: u64) -> Settings {
        Settings {
            path: self.0.join("audit.log"),
            file_bytes_max,
            ..settings(WhenFull::Refuse)
        }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost_once_it_has_room() {
    let (mut audit, answer, lines) = planned(WhenFull::Refuse);
    answer.send(true).unwrap();
    let mut log = lines.recv().unwrap();
    audit.keep(record("a"));
    answer.send(false).unwrap();
    // The second answer is only asked for after the failure was told.
    answer.send(true).unwrap();
    log.extend(lines.recv().unwrap());
    assert_eq!(verified(&log), 2);
    drop(answer);
    audit.keep(record("b"));
    log.extend(lines.recv().unwrap());
    drop(audit);
    assert_eq!(verified(&log), 3);
}

#[test]
fn the_state_tells_what_was_written_and_why_nothing_is() {
    let (mut audit, answer, lines) = planned(WhenFull::Refuse);
    answer.send(false).unwrap();
    let trouble = std::iter::repeat_with(|| {
        thread::yield_now();
        audit.news()
    });
    let told = trouble.flatten().next().unwrap();
    assert_eq!(
        (told.written, told.trouble.as_deref()),
        (0, Some("no storage space"))
    );
    drop(answer);
    lines.recv().unwrap();
    audit.keep(record("a"));
    lines.recv().unwrap();
    let states = std::iter::repeat_with(|| {
        thread::yield_now();
        audit.news()
    });
    let told = states.flatten().find(|state| state.written == 1).unwrap();
    assert_eq!(told.trouble, None);
    assert_eq!(audit.news(), None, "nothing new");
}

#[test]
fn the_oldest_are_dropped_and_the_log_itself_says_so() {
    let (mut audit, answer, lines) = planned(WhenFull::DropOldest);
    for tool in ["a", "b", "c", "d", "e", "f"] {
        audit.keep(record(tool));
    }
    assert_eq!(audit.news().map(|state| state.dropped), Some(2));
    drop(answer);
    let mut log = lines.recv().unwrap();
    log.extend(lines.recv().unwrap());
    let text = String::from_utf8(log.clone()).unwrap();
    assert!(text.contains(r#""event":"dropped","records":2"#), "{text}");
    assert!(
        !text.contains(r#""tool":"b""#) && text.contains(r#""tool":"c""#),
        "{text}"
    );
    assert_eq!(verified(&log), 6);
}

#[test]
fn a_log_goes_on_where_it_ended_and_torn_lines_are_taken_away() {
    let folder = Folder::new("goes-on");
    for round in 1..=3 {
        let mut audit = Audit::start(&folder.settings(1 << 20), FixedClock).unwrap();
        audit.keep(record("a"));
        drop(audit);
        let log = folder.read("audit.log");
        assert_eq!(verified(&log), 1 + round);
        let torn = [log.as_slice(), b"{\"n\":9,\"time"].concat();
        std::fs::write(folder.0.join("audit.log"), torn).unwrap();
    }
}

#[test]
fn full_files_are_kept_up_to_their_number_and_follow_each_other() {
    let folder = Folder::new("rotated");
    let mut audit = Audit::start(&folder.settings(600), FixedClock).unwrap();
    for _ in 0..12 {
        audit.keep(record("a"));
        while audit.news().is_none_or(|state| state.written == 0) {
            thread::yield_now();
        }
    }
    drop(audit);
    let log = [
        folder.read("audit.log.2"),
        folder.read("audit.log.1"),
        folder.read("audit.log"),
    ];
    assert!(log.iter().all(|file| !file.is_empty()) && folder.read("audit.log.3").is_empty());
    let lines = verified(&log.concat());
    assert_eq!(log.iter().map(|file| verified(file)).sum::<u64>(), lines);
}

#[test]
fn somebody_elses_file_is_left_alone() {
    let folder = Folder::new("foreign");
    std::fs::write(folder.0.join("audit.log"), "dear diary\n").unwrap();
    let error = Audit::start(&folder.settings(1 << 20), FixedClock).unwrap_err();
    assert!(error.to_string().contains("cannot be continued"), "{error}");
    assert_eq!(folder.read("audit.log"), b"dear diary\n");
}
