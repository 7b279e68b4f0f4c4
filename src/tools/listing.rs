//! Lists of objects in both encodings: a line of text and a JSON object each, within a byte budget.

use crate::json;

/// A list that grows item by item until its budget is used up.
#[derive(Debug)]
pub(super) struct Listing {
    /// Lines, each begun by a newline: the inside of a JSON string.
    pub(super) text: Vec<u8>,
    /// `{…},{…}`: the inside of a JSON array.
    pub(super) json: Vec<u8>,
    /// Items in each.
    pub(super) count: u64,
    /// Whether an item did not fit; none follows it.
    pub(super) is_cut: bool,
    is_structured: bool,
    room: usize,
}

impl Listing {
    /// An empty list whose two forms may have `room` bytes together.
    pub(super) fn new(is_structured: bool, room: usize) -> Self {
        Self {
            text: Vec::new(),
            json: Vec::new(),
            count: 0,
            is_cut: false,
            is_structured,
            room,
        }
    }

    /// Adds an item: a line of text, and the JSON object that `fields` fills. An item that does not fit ends the list.
    pub(super) fn push(&mut self, line: &str, fields: impl FnOnce(&mut Fields<'_>)) {
        if self.is_cut {
            return;
        }
        let (text_end, json_end) = (self.text.len(), self.json.len());
        self.text.extend_from_slice(b"\\n");
        json::push_string_body(&mut self.text, line);
        if self.is_structured {
            self.json
                .extend_from_slice(if self.count == 0 { b"{" } else { b",{" });
            fields(&mut Fields {
                into: &mut self.json,
                is_first: true,
            });
            self.json.push(b'}');
        }
        if self.text.len() + self.json.len() > self.room {
            self.text.truncate(text_end);
            self.json.truncate(json_end);
            self.is_cut = true;
        } else {
            self.count += 1;
        }
    }

    /// Bytes that are left of the budget.
    pub(super) fn room_left(&self) -> usize {
        self.room.saturating_sub(self.text.len() + self.json.len())
    }
}

/// The members of one JSON object.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    into: &'a mut Vec<u8>,
    is_first: bool,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) {
        if !self.is_first {
            self.into.push(b',');
        }
        self.is_first = false;
        json::push_string(self.into, name);
        self.into.push(b':');
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        json::push_string(self.into, text);
    }

    /// A string, left out when there is nothing in it.
    pub(super) fn text_if_any(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.text(name, text);
        }
    }

    /// A number as SHOW tells it, left out when it is none.
    pub(super) fn number_if_any(&mut self, name: &str, digits: Option<&str>) {
        let is_whole = |digits: &&str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(digits) = digits.filter(is_whole) {
            self.name(name);
            // No leading zeros, which JSON has not.
            let digits = digits.trim_start_matches('0');
            self.into.extend_from_slice(if digits.is_empty() {
                b"0"
            } else {
                digits.as_bytes()
            });
        }
    }

    /// A value that is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.into.extend_from_slice(json.as_bytes());
    }

    /// A boolean.
    pub(super) fn flag(&mut self, name: &str, flag: bool) {
        self.name(name);
        self.into.extend_from_slice(if flag { b"true" } else { b"false" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_added_until_one_does_not_fit() {
        let mut list = Listing::new(true, 60);
        for name in [
            "a",
            "b\n",
            "a name that is too long for what is left of the budget",
            "c",
        ] {
            list.push(name, |fields| {
                fields.text("name", name);
                fields.text_if_any("comment", Some(""));
                fields.flag("null", true);
            });
        }
        assert_eq!(String::from_utf8(list.text.clone()).unwrap(), r"\na\nb\n");
        assert_eq!(
            String::from_utf8(list.json.clone()).unwrap(),
            r#"{"name":"a","null":true},{"name":"b\n","null":true}"#
        );
        assert!(list.is_cut && list.count == 2);
        assert_eq!(list.room_left(), 60 - list.text.len() - list.json.len());
    }
}
