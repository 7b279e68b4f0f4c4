//! The name in a certificate that somebody vouched for. Checks nothing: signature, times and purpose were, by rustls.
//!
//! A reader of so much DER (X.690) as stands before a name in X.509 (RFC 5280 section 4.1). What it cannot read gives no
//! name, and the certificate's hash is taken instead: a caller is never nobody, nor somebody else.

use super::identity::{Identity, Kind, Mark, Quota};
use super::scope::Scope;

/// What the holder of a certificate is called: its URI (as SPIFFE has it), DNS name or mail address, else its common name,
/// else the hash of all of it.
pub fn name(certificate: &[u8]) -> Box<str> {
    let read = read_name(certificate).filter(|name| !name.is_empty() && !name.chars().any(char::is_control));
    match read {
        Some(name) => name.into(),
        None => {
            let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
            let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            format!("sha256:{digits}").into()
        }
    }
}

/// Who comes with a certificate of this name.
pub fn identity(name: &str) -> Identity {
    Identity {
        label: name.replace('"', "'").into(),
        kind: Kind::Certificate,
        mark: Mark::of(Kind::Certificate, name),
        credential: Mark::of(Kind::Certificate, name),
        login: None,
        scope: Some(Scope::Write),
        quota: Quota::default(),
        expires: None,
    }
}

fn read_name(certificate: &[u8]) -> Option<String> {
    let mut whole = Der(certificate).enter(SEQUENCE)?;
    let mut fields = whole.enter(SEQUENCE)?;
    fields.skip_if(VERSION);
    // Serial number, algorithm, issuer, times.
    for _ in 0..4 {
        fields.next()?;
    }
    let subject = fields.enter(SEQUENCE)?;
    // Its public key.
    fields.next()?;
    let mut common_name = None;
    let mut sets = subject;
    while let Some(mut set) = sets.enter(SET) {
        while let Some(mut attribute) = set.enter(SEQUENCE) {
            if attribute.next()? == (OBJECT, COMMON_NAME) {
                common_name = text(attribute.next()?.1);
            }
        }
    }
    alternative_name(fields).or(common_name)
}

fn alternative_name(mut fields: Der<'_>) -> Option<String> {
    while let Some((tag, content)) = fields.next() {
        if tag != EXTENSIONS {
            continue;
        }
        let mut extensions = Der(content).enter(SEQUENCE)?;
        while let Some(mut extension) = extensions.enter(SEQUENCE) {
            if extension.next()? != (OBJECT, ALTERNATIVE_NAME) {
                continue;
            }
            extension.skip_if(BOOLEAN);
            let (_, octets) = extension.next()?;
            let mut names = Der(octets).enter(SEQUENCE)?;
            let mut found: [Option<String>; 3] = Default::default();
            while let Some((tag, content)) = names.next() {
                if let Some(place) = NAMES.iter().position(|kind| *kind == tag) {
                    found[place] = found[place].take().or_else(|| text(content));
                }
            }
            return found.into_iter().flatten().next();
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// Elements that follow each other.
#[derive(Clone, Copy)]
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            // Four bytes of length are more than any certificate has.
            let count = usize::from(first & 0x7f);
            let (bytes, after) = rest
                .split_at_checked(count)
                .filter(|_| (1..=4).contains(&count))?;
            rest = after;
            bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte))
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The elements inside of the next one, if it is one of `tag`.
    fn enter(&mut self, tag: u8) -> Option<Self> {
        let before = self.0;
        match self.next() {
            Some((found, content)) if found == tag => Some(Self(content)),
            _ => {
                self.0 = before;
                None
            }
        }
    }

    fn skip_if(&mut self, tag: u8) {
        if self.0.first() == Some(&tag) {
            self.next();
        }
    }
}

const BOOLEAN: u8 = 0x01;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// URI, DNS name, mail address: the first that is there names the holder.
const NAMES: [u8; 3] = [0x86, 0x82, 0x81];
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    fn der(pem: &str) -> Vec<u8> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    }

    #[test]
    fn a_certificate_is_called_by_its_alternative_name_else_by_its_common_one() {
        let ann = der(include_str!("../../tests/end_to_end/certificates/client-ann.pem"));
        assert_eq!(&*name(&ann), "spiffe://example/ann");
        let bob = der(include_str!("../../tests/end_to_end/certificates/client-bob.pem"));
        assert_eq!(&*name(&bob), "bob");
    }

    #[test]
    fn what_cannot_be_read_is_called_by_its_hash_wherever_it_is_cut_or_changed() {
        let ann = der(include_str!("../../tests/end_to_end/certificates/client-ann.pem"));
        for cut in 0..ann.len() {
            name(&ann[..cut]);
            let mut changed = ann.clone();
            changed[cut] ^= 0xff;
            name(&changed);
        }
        assert!(name(b"").starts_with("sha256:e3b0c442"));
    }
}
