//! Whose request a proxy passes on: `X-Forwarded-For`, and `Forwarded` (RFC 7239).
//!
//! Only asked where the peer is trusted. Each proxy adds on the right whom it heard from, so that is read from there: those
//! that are trusted are passed over, and the first other one is the client. What stands left of it, the client may have
//! written itself. Where a name is hidden or nothing can be read, the last that is known stands for all behind it.

use crate::address::{self, IpAddr, Networks};

/// The fields of a request that tell.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The lines of `X-Forwarded-For`, in their order.
    pub by_list: &'a [&'a [u8]],
    /// The lines of `Forwarded`, in their order.
    pub by_pairs: &'a [&'a [u8]],
}

/// Somebody on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hop {
    At(IpAddr),
    /// Somebody without an address, or something that cannot be read.
    Hidden,
}

impl Told<'_> {
    /// The client behind `peer`, which is trusted. `None`: nobody said, or the two fields say different things. Then one
    /// of them is not the proxy's, and neither is believed.
    pub fn client(&self, peer: IpAddr, trusted: &Networks) -> Option<IpAddr> {
        let by_list = (!self.by_list.is_empty()).then(|| {
            let lines = self.by_list.iter().rev();
            walk(lines.flat_map(|line| list_backwards(line)), peer, trusted)
        });
        let by_pairs = (!self.by_pairs.is_empty()).then(|| {
            let lines = self.by_pairs.iter().rev();
            walk(
                lines.flat_map(|line| pairs(line).into_iter().rev()),
                peer,
                trusted,
            )
        });
        match (by_list, by_pairs) {
            (Some(one), Some(other)) => one.filter(|_| one == other),
            (one, other) => one.or(other).flatten(),
        }
    }
}

/// The first on the way back from `peer` who is not trusted, else the last that is known. `None`: `peer` is the last.
fn walk(hops: impl Iterator<Item = Hop>, peer: IpAddr, trusted: &Networks) -> Option<IpAddr> {
    let mut last = peer;
    for hop in hops {
        match hop {
            Hop::Hidden => break,
            Hop::At(address) => {
                last = address;
                if !trusted.holds(address) {
                    break;
                }
            }
        }
    }
    (last != peer).then_some(last)
}

/// The members of a line of `X-Forwarded-For`, the last one first.
fn list_backwards(line: &[u8]) -> impl Iterator<Item = Hop> {
    let members = line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    members.filter(|member| !member.is_empty()).map(hop)
}

fn hop(text: &[u8]) -> Hop {
    let address = str::from_utf8(text).ok().and_then(address::parse);
    address.map_or(Hop::Hidden, Hop::At)
}

/// The elements of a line of `Forwarded`, in their order. One that cannot be read hides all of them: a client might have
/// opened a quotation that swallows what a proxy wrote.
fn pairs(line: &[u8]) -> Vec<Hop> {
    let mut hops = Vec::new();
    let mut rest = line;
    loop {
        match element(rest) {
            Some((found, after)) => {
                hops.extend(found);
                match after {
                    None => return hops,
                    Some(after) => rest = after,
                }
            }
            None => return vec![Hop::Hidden],
        }
    }
}

/// One element: who is in it (`None`: it is empty), and what stands behind its comma. `None`: it is none.
#[allow(
    clippy::type_complexity,
    reason = "an element and the rest, both of which may be missing"
)]
fn element(text: &[u8]) -> Option<(Option<Hop>, Option<&[u8]>)> {
    let (mut rest, mut found, mut is_empty) = (text.trim_ascii_start(), None, true);
    loop {
        match rest {
            [] | [b',', ..] => {
                let found = (!is_empty).then(|| found.unwrap_or(Hop::Hidden));
                return Some((found, rest.get(1..)));
            }
            [b';', after @ ..] => rest = after.trim_ascii_start(),
            _ => {
                let (name, value, after) = pair(rest)?;
                is_empty = false;
                if name.eq_ignore_ascii_case(b"for") && found.replace(hop(value)).is_some() {
                    return None;
                }
                rest = after.trim_ascii_start();
                if !matches!(rest, [] | [b',' | b';', ..]) {
                    return None;
                }
            }
        }
    }
}

/// `name=value`, the value a token or between quotation marks, and what follows.
fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix(b"=")?;
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        let (value, rest) = token(rest)?;
        return Some((name, value, rest));
    };
    let mut is_escaped = false;
    let end = quoted.iter().position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    })?;
    // An escape in it makes it no address, which is all that is asked.
    Some((name, &quoted[..end], &quoted[end + 1..]))
}

/// The characters of a token (RFC 9110 section 5.6.2) at the beginning; `None`: there is none. The colon is let through
/// as well: proxies write addresses of IPv6, and ports, without the quotation marks that they need.
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:[]".contains(byte);
    let end = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests;
