//! What a client can be asked for, as it says in `initialize` (legacy) or with every request (modern).

use serde_json::value::RawValue;

use super::Abilities;
use crate::json;

impl Abilities {
    /// Reads the capabilities of a client; what is no object declares nothing.
    pub(super) fn parse(capabilities: Option<&RawValue>) -> Self {
        let mut parsed = Self::default();
        let Some(capabilities) = capabilities else {
            return parsed;
        };
        let _ = json::each_member(capabilities.get(), |name, value| {
            if !json::is_object(value) {
                return;
            }
            match &*name {
                "elicitation" => parsed.elicitation = has_form_mode(value),
                "sampling" => parsed.sampling = true,
                "roots" => parsed.roots = true,
                _ => {}
            }
        });
        parsed
    }
}

/// An empty object means form mode, which was the only one before there were two.
fn has_form_mode(elicitation: &RawValue) -> bool {
    let (mut is_empty, mut has_form) = (true, false);
    let read = json::each_member(elicitation.get(), |name, _| {
        is_empty = false;
        has_form |= name == "form";
    });
    read.is_ok() && (is_empty || has_form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (bool, bool, bool) {
        let raw: &RawValue = serde_json::from_str(text).unwrap();
        let abilities = Abilities::parse(Some(raw));
        (abilities.elicitation, abilities.sampling, abilities.roots)
    }

    #[test]
    fn what_is_declared_as_an_object_can_be_asked_for() {
        assert_eq!(parsed("{}"), (false, false, false));
        assert_eq!(
            parsed(r#"{"elicitation":{},"sampling":{"tools":{}},"roots":{"listChanged":true},"x":1}"#),
            (true, true, true)
        );
        assert!(parsed(r#"{"elicitation":{"form":{},"url":{}}}"#).0);
        assert!(!parsed(r#"{"elicitation":{"url":{}}}"#).0);
        assert_eq!(
            parsed(r#"{"elicitation":true,"sampling":null,"roots":[]}"#),
            (false, false, false)
        );
        assert_eq!(Abilities::parse(None), Abilities::default());
    }
}
