//! Whether two names are nearly the same, and whether one is as a pattern says. Letters count whatever their case.

/// Changes of one letter (another, one more, one less, two swapped) from `left` to `right`, if they are at most `most`.
/// Costs at most the length of one times `2 × most + 1`.
pub fn distance_within(left: &str, right: &str, most: usize) -> Option<usize> {
    let letters = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let (left, right) = (letters(left), letters(right));
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    // Rows of the usual table, of which only the band around the diagonal can be `most` or less.
    let far = most + 1;
    let mut above_that = vec![far; right.len() + 1];
    let mut above: Vec<usize> = (0..=right.len()).map(|column| column.min(far)).collect();
    for row in 1..=left.len() {
        let mut current = vec![far; right.len() + 1];
        if row <= most {
            current[0] = row;
        }
        for column in row.saturating_sub(most).max(1)..=(row + most).min(right.len()) {
            let is_same = left[row - 1] == right[column - 1];
            let mut least = above[column - 1] + usize::from(!is_same);
            least = least.min(above[column] + 1).min(current[column - 1] + 1);
            let is_swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if is_swapped {
                least = least.min(above_that[column - 2] + 1);
            }
            current[column] = least.min(far);
        }
        if current.iter().all(|changes| *changes >= far) {
            return None;
        }
        above_that = std::mem::replace(&mut above, current);
    }
    above.last().copied().filter(|changes| *changes <= most)
}

/// More changes than this and two long names are about different things.
const CHANGES_MAX: usize = 3;

/// The one of `known` that is meant by `name`: at most a third of its letters are wrong.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.len() / 3).clamp(1, CHANGES_MAX);
    let near = known.filter_map(|known| Some((distance_within(name, known, most)?, known)));
    near.min().map(|(_, known)| known)
}

/// So many changes make of a word of this length one that is still meant.
pub fn typos_max(length: usize) -> usize {
    match length {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

/// Whether `text` is as a pattern with `%` (anything) and `_` (any one character) says. A backslash takes the meaning
/// from the character behind it.
pub fn is_like(text: &str, pattern: &str) -> bool {
    let lower = |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
    let (text, pattern) = (lower(text), tokens(pattern));
    let (mut at, mut next) = (0, 0);
    // Where the last `%` stands, and up to where it was taken to reach.
    let mut retry = None;
    while at < text.len() {
        let fits = match pattern.get(next) {
            Some(Token::Many) => {
                retry = Some((next, at));
                next += 1;
                continue;
            }
            Some(Token::One) => true,
            Some(Token::Letter(letter)) => *letter == text[at],
            None => false,
        };
        if fits {
            (at, next) = (at + 1, next + 1);
        } else if let Some((star, reached)) = retry {
            retry = Some((star, reached + 1));
            (at, next) = (reached + 1, star + 1);
        } else {
            return false;
        }
    }
    pattern[next..].iter().all(|token| *token == Token::Many)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Many,
    One,
    Letter(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => tokens.push(Token::Many),
            '_' => tokens.push(Token::One),
            '\\' => tokens.extend(
                characters
                    .next()
                    .unwrap_or('\\')
                    .to_lowercase()
                    .map(Token::Letter),
            ),
            other => tokens.extend(other.to_lowercase().map(Token::Letter)),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_counts_changes_up_to_a_bound() {
        for (left, right, most, changes) in [
            ("ORDERS", "orders", 0, Some(0)),
            ("ORDRES", "ORDERS", 1, Some(1)),
            ("ORDER", "ORDERS", 1, Some(1)),
            ("ODERSS", "ORDERS", 2, Some(2)),
            ("ORDERS", "CUSTOMERS", 2, None),
            ("kitten", "sitting", 3, Some(3)),
            ("kitten", "sitting", 2, None),
            ("", "ab", 2, Some(2)),
            ("", "", 0, Some(0)),
            ("ÜBER", "über", 0, Some(0)),
        ] {
            assert_eq!(
                distance_within(left, right, most),
                changes,
                "{left} {right} {most}"
            );
            assert_eq!(
                distance_within(right, left, most),
                changes,
                "{right} {left} {most}"
            );
        }
    }

    #[test]
    fn a_pattern_matches_as_show_like_does() {
        for (text, pattern, is_match) in [
            ("ORDERS", "order%", true),
            ("ORDERS", "%DER%", true),
            ("ORDERS", "order", false),
            ("ORDERS", "_rders", true),
            ("ORDERS", "_orders", false),
            ("a%b", "a\\%b", true),
            ("axb", "a\\%b", false),
            ("aXbXc", "a%b%c", true),
            ("mississippi", "%iss%ip%", true),
            ("mississippi", "%iss%ix%", false),
            ("", "%", true),
            ("", "_", false),
            ("x", "", false),
        ] {
            assert_eq!(is_like(text, pattern), is_match, "{text} LIKE {pattern}");
        }
    }
}
