//! Partitions in order, as many as the bounds need and none more.

use crate::backend::rows::Position;
use std::io::Cursor;

use super::*;
use crate::backend::{CancelToken, Value};
use crate::snowflake::answer::{self, End};

fn bounds(rows_max: u64) -> Bounds {
    Bounds {
        rows_max,
        bytes_max: 10_000,
    }
}

fn feed(reading: &mut Reading, text: &str) -> End {
    reading.begin_partition();
    let body = Cursor::new(text.as_bytes().to_vec());
    answer::read(Box::new(body), reading, 1 << 20, &CancelToken::new()).unwrap()
}

fn first(counts: &[u64], rows: &str) -> String {
    let partitions: Vec<String> = counts
        .iter()
        .map(|rows| format!(r#"{{"rowCount":{rows}}}"#))
        .collect();
    format!(
        r#"{{"resultSetMetaData":{{"numRows":{},"partitionInfo":[{}],"rowType":[{{"name":"N","type":"fixed"}}]}},"data":[{rows}]}}"#,
        counts.iter().sum::<u64>(),
        partitions.join(",")
    )
}

fn numbers(result: &ResultSet) -> Vec<String> {
    let text = |value: Value<'_>| match value {
        Value::Number(text) => text.to_owned(),
        other => format!("{other:?}"),
    };
    result.rows().map(|row| row.cells().map(text).collect()).collect()
}

#[test]
fn partitions_follow_each_other_to_the_last() {
    let mut reading = Reading::new(bounds(100), Position::default());
    assert!(matches!(
        feed(&mut reading, &first(&[2, 1, 1], r#"["1"],["2"]"#)),
        End::Whole(_)
    ));
    reading.end_partition().unwrap();
    assert_eq!(
        (reading.next_partition(), reading.rows()),
        (Some(1), (2, Some(4)))
    );
    feed(&mut reading, r#"{"data":[["3"]]}"#);
    reading.end_partition().unwrap();
    assert_eq!(reading.next_partition(), Some(2));
    feed(&mut reading, r#"{"data":[["4"]]}"#);
    reading.end_partition().unwrap();
    assert_eq!(reading.next_partition(), None);
    let result = reading.finish(Some("h".to_owned())).unwrap();
    assert_eq!(numbers(&result), ["1", "2", "3", "4"]);
    assert_eq!((result.total, result.is_truncated()), (Some(4), false));
    assert_eq!(result.query_id.as_deref(), Some("h"));
}

#[test]
fn partitions_that_are_not_needed_are_not_asked_for() {
    let mut reading = Reading::new(bounds(2), Position::default());
    assert_eq!(feed(&mut reading, &first(&[2, 1], r#"["1"],["2"]"#)), End::Enough);
    assert_eq!(reading.next_partition(), None);
    let result = reading.finish(None).unwrap();
    assert_eq!(
        (result.returned(), result.total, result.is_truncated()),
        (2, Some(3), true)
    );
}

#[test]
fn a_result_that_just_fits_is_not_called_truncated() {
    let mut reading = Reading::new(bounds(2), Position::default());
    assert!(matches!(
        feed(&mut reading, &first(&[2], r#"["1"],["2"]"#)),
        End::Whole(_)
    ));
    reading.end_partition().unwrap();
    assert_eq!(reading.next_partition(), None);
    assert!(!reading.finish(None).unwrap().is_truncated());
}

#[test]
fn without_a_total_one_row_more_tells_of_the_rest() {
    let text =
        r#"{"resultSetMetaData":{"rowType":[{"name":"N","type":"fixed"}]},"data":[["1"],["2"],["3"]]}"#;
    let mut reading = Reading::new(bounds(2), Position::default());
    assert_eq!(feed(&mut reading, text), End::Enough);
    let result = reading.finish(None).unwrap();
    assert_eq!((result.returned(), result.is_truncated()), (2, true));
}

#[test]
fn a_bound_of_no_rows_reads_none() {
    let mut reading = Reading::new(bounds(0), Position::default());
    assert_eq!(feed(&mut reading, &first(&[1], r#"["1"]"#)), End::Enough);
    assert_eq!(reading.next_partition(), None);
    assert!(reading.finish(None).unwrap().is_truncated());
    let mut reading = Reading::new(bounds(0), Position::default());
    assert!(matches!(feed(&mut reading, &first(&[0], "")), End::Whole(_)));
    reading.end_partition().unwrap();
    assert!(!reading.finish(None).unwrap().is_truncated());
}

#[test]
fn a_partition_that_broke_off_is_read_again_without_its_first_rows() {
    let mut reading = Reading::new(bounds(100), Position::default());
    feed(&mut reading, &first(&[1, 3], r#"["1"]"#));
    reading.end_partition().unwrap();
    reading.begin_partition();
    let cut = Cursor::new(br#"{"data":[["2"],["3"],["#.to_vec());
    assert!(answer::read(Box::new(cut), &mut reading, 1 << 20, &CancelToken::new()).is_err());
    assert_eq!(reading.next_partition(), Some(1));
    feed(&mut reading, r#"{"data":[["2"],["3"],["4"]]}"#);
    reading.end_partition().unwrap();
    assert_eq!(numbers(&reading.finish(None).unwrap()), ["1", "2", "3", "4"]);
}

#[test]
fn a_partition_with_another_number_of_rows_is_an_error() {
    for rows in [r#"["1"]"#, r#"["1"],["2"],["3"]"#] {
        let mut reading = Reading::new(bounds(100), Position::default());
        feed(&mut reading, &first(&[2], rows));
        let why = reading.end_partition().unwrap_err();
        assert!(why.contains("its metadata says 2"), "{why}");
    }
}

#[test]
fn rows_that_do_not_fit_their_columns_or_come_without_any_are_an_error() {
    let read = |text: &str| {
        let body = Cursor::new(text.as_bytes().to_vec());
        let mut reading = Reading::new(bounds(9), Position::default());
        answer::read(Box::new(body), &mut reading, 1 << 20, &CancelToken::new()).is_err()
    };
    assert!(read(&first(&[1], r#"["1","2"]"#)));
    assert!(read(&first(&[1], "[]")));
    assert!(read(r#"{"data":[["1"]]}"#));
    assert!(read(r#"{"resultSetMetaData":{},"resultSetMetaData":{}}"#));
}

#[test]
fn bytes_are_a_bound_too() {
    let mut reading = Reading::new(
        Bounds {
            rows_max: 100,
            bytes_max: 30,
        },
        Position::default(),
    );
    assert_eq!(
        feed(
            &mut reading,
            &first(&[3], r#"["1"],["12345678901234567890"],["3"]"#)
        ),
        End::Enough
    );
    let result = reading.finish(None).unwrap();
    assert_eq!((result.returned(), result.is_truncated()), (1, true));
}
