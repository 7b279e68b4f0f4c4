//! What signs tokens, as texts. Knows neither tokens nor signatures.

use super::Error;
use super::setting as s;
use super::source::Sources;
use crate::secret::Secret;

/// Shorter texts can be guessed: 32 random hexadecimal digits are 128 bits, as many as the tag of a token has.
const CHARACTERS_MIN: usize = 32;

/// More keys than the one that signs and the one before it would make every forged token more work.
const KEYS_MAX: usize = 2;

/// The texts, the signing one first; none when nothing is set.
///
/// # Errors
/// [`Error::Value`], without the value.
pub(super) fn keys(sources: &Sources) -> Result<Vec<Secret>, Error> {
    let Some(found) = sources.find(&s::TOKEN_KEY) else {
        return Ok(Vec::new());
    };
    // Not a list as others: an empty place is a key that somebody forgot to fill in.
    let texts: Vec<_> = found.value.split(',').map(str::trim).collect();
    if texts.len() > KEYS_MAX {
        return Err(Error::secret(
            &found,
            format!(
                "expected one key, or two separated by a comma, found {}",
                texts.len()
            ),
        ));
    }
    if texts.iter().any(|text| text.chars().count() < CHARACTERS_MIN) {
        return Err(Error::secret(
            &found,
            format!(
                "expected at least {CHARACTERS_MIN} characters a key; make one with: openssl rand -hex 32"
            ),
        ));
    }
    Ok(texts.into_iter().map(Secret::new).collect())
}
