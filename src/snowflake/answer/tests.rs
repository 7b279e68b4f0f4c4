//! A result is read while it comes, and only as far as it is wanted.

use super::*;

/// Takes rows as text until it has `wanted`.
#[derive(Default)]
struct Collected {
    wanted: usize,
    is_later_partition: bool,
    metadata: Option<Metadata>,
    rows: Vec<Vec<Option<String>>>,
}

impl RowSink for Collected {
    fn has_begun(&self) -> bool {
        self.is_later_partition || self.metadata.is_some()
    }

    fn begin(&mut self, metadata: Metadata) -> Result<(), String> {
        self.metadata = Some(metadata);
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<bool, String> {
        assert_eq!(row.len(), row.cells().count());
        self.rows
            .push(row.cells().map(|cell| cell.map(str::to_owned)).collect());
        Ok(self.rows.len() < self.wanted)
    }
}

/// Gives a few bytes at a time, then fails if told to.
struct Trickle {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
    fault: Option<io::ErrorKind>,
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        if let (true, Some(kind)) = (rest.is_empty(), self.fault) {
            return Err(kind.into());
        }
        let count = rest.len().min(into.len()).min(self.step);
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

fn body(text: &str, step: usize, fault: Option<io::ErrorKind>) -> Box<dyn Read> {
    Box::new(Trickle {
        bytes: text.as_bytes().to_vec(),
        at: 0,
        step,
        fault,
    })
}

fn collect(text: &str, wanted: usize) -> (Result<End, ReadError>, Collected) {
    let mut collected = Collected {
        wanted,
        ..Collected::default()
    };
    let end = read(body(text, 3, None), &mut collected, 1 << 20, &CancelToken::new());
    (end, collected)
}

const TWO_ROWS: &str = r#"{"resultSetMetaData":{"numRows":2,"format":"jsonv2","partitionInfo":[{"rowCount":2,"uncompressedSize":9}],"rowType":[{"name":"A","type":"text","nullable":false},{"name":"B","type":"fixed"}]},
 "data":[["x","1"],["\u00e9\n",null]],"code":"090001","statementHandles":["c"],"stats":{"numRowsInserted":2},"statementHandle":"h","message":"ok","createdOn":1}"#;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn metadata_rows_and_trailer_are_read_wherever_the_chunks_break() {
    for step in [1, 2, 7, 64, 100_000] {
        let mut collected = Collected {
            wanted: 10,
            ..Collected::default()
        };
        let end = read(
            body(TWO_ROWS, step, None),
            &mut collected,
            1 << 20,
            &CancelToken::new(),
        )
        .unwrap();
        let trailer = Trailer {
            code: some("090001"),
            message: some("ok"),
            handle: some("h"),
        };
        assert_eq!(end, End::Whole(trailer));
        assert_eq!(collected.rows, [[some("x"), some("1")], [some("é\n"), None]]);
        let metadata = collected.metadata.unwrap();
        assert_eq!(
            (metadata.total, metadata.partition_rows()),
            (Some(2), vec![Some(2)])
        );
        assert!(!metadata.columns[0].nullable && metadata.columns[1].nullable);
    }
}

#[test]
fn reading_stops_when_the_sink_has_enough() {
    let (end, collected) = collect(TWO_ROWS, 1);
    assert_eq!(end.unwrap(), End::Enough);
    assert_eq!(collected.rows.len(), 1);
}

#[test]
fn rows_before_their_metadata_are_understood() {
    let text =
        r#"{"data":[["x"],[null]],"resultSetMetaData":{"rowType":[{"name":"A","type":"text"}]},"code":"1"}"#;
    let (end, collected) = collect(text, 10);
    assert!(matches!(end, Ok(End::Whole(_))));
    assert_eq!(collected.rows, [[some("x")], [None]]);
    assert_eq!(collected.metadata.unwrap().partition_rows(), [None]);
    let (end, collected) = collect(text, 1);
    assert_eq!((end.unwrap(), collected.rows.len()), (End::Enough, 1));
}

#[test]
fn a_partition_is_rows_alone_and_may_be_empty() {
    let (end, collected) = collect(r#"{"data":[["1"]]}"#, 10);
    assert!(matches!(end, Ok(End::Whole(_))));
    assert_eq!((collected.rows.len(), collected.metadata), (1, None));
    for text in [
        r#"{"data":[]}"#,
        r#"{"resultSetMetaData":{},"data":null}"#,
        r#"{"data":null}"#,
    ] {
        let (end, collected) = collect(text, 10);
        assert!(matches!(end, Ok(End::Whole(_))), "{text}");
        assert_eq!(collected.rows.len(), 0);
    }
}

#[test]
fn what_is_no_result_is_garbled() {
    for text in [
        "",
        "<html>",
        "[]",
        r#"{"data":[["1"]"#,
        r#"{"data":[{"a":1}]}"#,
        r#"{"data":[[1]]}"#,
        r#"{"data":"LEFT OUT"}"#,
        r#"{"resultSetMetaData":{"rowType":5}}"#,
        r#"{"data":[]} x"#,
    ] {
        let (end, _) = collect(text, 10);
        assert!(matches!(end, Err(ReadError::Garbled(_))), "{text}: {end:?}");
    }
}

#[test]
fn a_connection_that_ends_is_lost_and_a_broken_compression_is_garbled() {
    let read = |kind| {
        let mut sink = Collected {
            wanted: 10,
            ..Collected::default()
        };
        let half = &TWO_ROWS[..TWO_ROWS.len() - 40];
        let end = read(
            body(half, 50, Some(kind)),
            &mut sink,
            1 << 20,
            &CancelToken::new(),
        );
        assert_eq!(sink.rows.len(), 2, "whole rows were handed over");
        end
    };
    for kind in [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::TimedOut,
    ] {
        assert!(matches!(read(kind), Err(ReadError::Lost(_))), "{kind:?}");
    }
    assert!(matches!(
        read(io::ErrorKind::InvalidData),
        Err(ReadError::Garbled(_))
    ));
}

#[test]
fn what_is_wrong_only_at_the_very_end_is_still_seen() {
    // A gzip stream whose checksum is cut: the JSON is whole, the stream is not.
    let mut sink = Collected {
        wanted: 10,
        ..Collected::default()
    };
    let whole = body(TWO_ROWS, 50, Some(io::ErrorKind::InvalidData));
    let end = read(whole, &mut sink, 1 << 20, &CancelToken::new());
    assert!(matches!(end, Err(ReadError::Garbled(_))));
}

#[test]
fn a_row_larger_than_could_be_kept_is_not_buffered() {
    let huge = format!(r#"{{"data":[["1"],["{}"],["2"]]}}"#, "x".repeat(300_000));
    let mut sink = Collected {
        wanted: 10,
        is_later_partition: true,
        ..Collected::default()
    };
    let end = read(body(&huge, 4_096, None), &mut sink, 100_000, &CancelToken::new());
    assert_eq!(end.unwrap(), End::RowTooLarge);
    assert_eq!(sink.rows.len(), 1);
    // Many rows are no large row: what may be buffered counts for each anew.
    let many = format!(r#"{{"data":[["1"]{}]}}"#, r#",["22222222"]"#.repeat(50_000));
    let mut sink = Collected {
        wanted: 100_000,
        is_later_partition: true,
        ..Collected::default()
    };
    let end = read(body(&many, 4_096, None), &mut sink, 100_000, &CancelToken::new());
    assert!(matches!(end, Ok(End::Whole(_))));
    assert_eq!(sink.rows.len(), 50_001);
    // Rows without columns cannot be handed over, so all of them count as one piece.
    let mut sink = Collected::default();
    let end = read(body(&many, 4_096, None), &mut sink, 100_000, &CancelToken::new());
    assert_eq!((end.unwrap(), sink.rows.len()), (End::RowTooLarge, 0));
}

#[test]
fn a_cancelled_token_ends_the_reading() {
    struct CancelsAfter(CancelToken, usize);
    impl RowSink for CancelsAfter {
        fn has_begun(&self) -> bool {
            true
        }
        fn begin(&mut self, _: Metadata) -> Result<(), String> {
            Ok(())
        }
        fn row(&mut self, _: &Row) -> Result<bool, String> {
            self.1 += 1;
            self.0.cancel();
            Ok(true)
        }
    }
    let token = CancelToken::new();
    let mut sink = CancelsAfter(token.clone(), 0);
    let many = format!(r#"{{"data":[["1"]{}]}}"#, r#",["2"]"#.repeat(50_000));
    let end = read(body(&many, 64, None), &mut sink, 1 << 20, &token);
    assert!(matches!(end, Err(ReadError::Cancelled)));
    assert!(sink.1 < 50_000);
}
