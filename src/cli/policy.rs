//! What the policy says of statements, without a server and an account: for those who write it, and for other programs
//! that want to ask.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use snowflake_mcp::sql::guard::{Place, Policy, Refusal};
use snowflake_mcp::sql::statement::{Parts, Separator};

/// Answers each line of `input`, a JSON string, with a line: `allow`, or `deny RULE: reason`.
///
/// # Errors
/// The input or output ends in an error. A line that is no JSON string is none: it is denied.
pub(crate) fn check(policy: &Policy, mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    // A byte of text is at most six in JSON (\u0000); and what is longer than the policy allows may say so.
    let line_bytes_max = policy.statement_bytes_max().saturating_mul(6) + 1024;
    let mut line = Vec::new();
    while let Some(is_whole) = read_line(&mut input, &mut line, line_bytes_max)? {
        let text = serde_json::from_slice::<String>(&line);
        match text {
            _ if !is_whole => writeln!(
                output,
                "deny too_long: the line has more than {line_bytes_max} bytes"
            )?,
            Ok(text) => match policy.check(&text) {
                Ok(_) => output.write_all(b"allow\n")?,
                Err(Refusal { rule, message, .. }) => writeln!(output, "deny {rule}: {message}")?,
            },
            Err(_) => output.write_all(b"deny unreadable: the line is no JSON string\n")?,
        }
        output.flush()?;
    }
    Ok(())
}

/// The next line without its end, and whether all of it; `None` behind the last.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, bytes_max: usize) -> io::Result<Option<bool>> {
    line.clear();
    let (mut is_whole, mut is_there) = (true, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(is_there.then_some(is_whole));
        }
        is_there = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = bytes_max - line.len();
        is_whole &= piece.len() <= room;
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

/// The text of a file, or of standard input for `-`.
///
/// # Errors
/// It cannot be read, is no UTF-8, or is larger than [`FILE_BYTES_MAX`].
pub(crate) fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    let told = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    if file.as_os_str() == "-" {
        io::stdin().take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    } else {
        let file = std::fs::File::open(file).map_err(told)?;
        file.take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(told)?;
    }
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(told(io::Error::other(format!(
            "more than {FILE_BYTES_MAX} bytes"
        ))));
    }
    Ok(text)
}

/// Says of every statement of `text` whether it passes and why not. Whether all do.
///
/// # Errors
/// The output ends in an error.
pub(crate) fn test(policy: &Policy, text: &str, mut output: impl Write) -> io::Result<bool> {
    let (mut allowed, mut denied, mut end) = (0, 0, 0);
    for part in Parts::new(text, Separator::Semicolon) {
        // Behind an error nothing more can be told apart: the rest is judged as one statement, which says why.
        let (range, start) = match part {
            Ok(range) => (range.clone(), range.start),
            Err(error) => (error.at()..text.len(), end),
        };
        let judged = &text[start..range.end];
        end = range.end;
        let place = Place::of(text, range.start);
        let at = format!("{}:{}", place.line, place.column);
        match policy.check(judged) {
            Ok(statement) => {
                allowed += 1;
                writeln!(
                    output,
                    "{at:>8}  allow  {:<20}  {}",
                    statement.kind().name(),
                    echo(&text[range])
                )?;
            }
            Err(refusal) => {
                denied += 1;
                let found = Place::of(text, start + refusal.place.offset);
                let own = format!(" (line {}, column {})", refusal.place.line, refusal.place.column);
                let reason = refusal.message.strip_suffix(&own).unwrap_or(&refusal.message);
                writeln!(
                    output,
                    "{at:>8}  deny   {:<20}  {}\n{:10}{reason} (line {}, column {})",
                    refusal.rule.name(),
                    echo(&text[range]),
                    "",
                    found.line,
                    found.column
                )?;
            }
        }
    }
    writeln!(
        output,
        "{} statements: {allowed} allowed, {denied} denied",
        allowed + denied
    )?;
    Ok(denied == 0)
}

/// The beginning of a statement on one line.
fn echo(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
        if line.len() > ECHO_CHARS_MAX * 4 {
            break;
        }
    }
    let cut = line.char_indices().nth(ECHO_CHARS_MAX).map(|(at, _)| at);
    if let Some(at) = cut {
        line.truncate(at);
        line.push('…');
    }
    line.replace(|character: char| character.is_control(), " ")
}

/// A file of migrations is a few hundred kilobytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
const ECHO_CHARS_MAX: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(policy: &Policy, input: &str) -> Vec<String> {
        let mut output = Vec::new();
        check(policy, input.as_bytes(), &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        output.lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_line_has_one_answer() {
        let input = "\"select 1\"\n\"drop\\ntable t\"\n\nnot json\n7\n\"\\ud800\"\n\"show tables\"";
        let answers = checked(&Policy::default(), input);
        let starts = [
            "allow",
            "deny not_a_read: DROP changes objects",
            "deny unreadable: ",
            "deny unreadable: ",
            "deny unreadable: ",
            "deny unreadable: ",
            "allow",
        ];
        assert_eq!(answers.len(), starts.len());
        for (answer, start) in answers.iter().zip(starts) {
            assert!(answer.starts_with(start), "{answer}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_is_answered() {
        let policy = Policy::default().with_statement_bytes_max(10);
        let input = format!("\"{}\"\n\"select 1\"\n\"select 12345678\"\n", "x".repeat(2_000));
        let answers = checked(&policy, &input);
        assert!(answers[0].starts_with("deny too_long: the line"), "{answers:?}");
        assert_eq!(answers[1], "allow");
        assert!(answers[2].starts_with("deny too_long: "), "{answers:?}");
        assert_eq!(answers.len(), 3);
    }

    #[test]
    fn a_file_is_judged_statement_by_statement_with_places_in_the_file() {
        let text = "select 1;\n-- then\ninsert into t\n  values (1);\n;show tables; select 'open";
        let mut output = Vec::new();
        let is_all_allowed = test(&Policy::default(), text, &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        assert!(!is_all_allowed);
        let lines: Vec<_> = output.lines().collect();
        assert!(
            lines[0].ends_with("select 1") && lines[0].contains("1:1  allow  select"),
            "{output}"
        );
        assert!(
            lines[1].contains("3:1  deny   not_a_read") && lines[1].ends_with("insert into t values (1)")
        );
        assert!(lines[2].contains("INSERT changes data") && lines[2].ends_with("(line 3, column 1)"));
        assert!(lines[3].contains("allow  show"), "{output}");
        assert!(lines[4].contains("deny   unclosed"), "{output}");
        assert_eq!(lines[6], "4 statements: 2 allowed, 2 denied");
    }

    #[test]
    fn a_file_of_reads_passes() {
        let mut output = Vec::new();
        assert!(test(&Policy::default(), "select 1; show tables", &mut output).unwrap());
        assert!(test(&Policy::default(), "-- nothing", &mut output).unwrap());
    }
}
