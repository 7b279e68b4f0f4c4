//! What clients say of tasks, and what follows from it.

use super::*;

fn raw(json: &str) -> Box<RawValue> {
    serde_json::from_str(json).expect("it is JSON")
}

fn wish(task: &str, capabilities: &str) -> Result<Wish, i32> {
    Wish::read(Some(&raw(task)), Some(&raw(capabilities))).map_err(|error| error.code)
}

#[test]
fn wishes_are_read_from_the_call_and_its_capabilities() {
    let extension = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;
    for (params, capabilities, asked, has_extension) in [
        ("null", "{}", None, false),
        ("null", extension, None, true),
        ("{}", r#"{"extensions":{}}"#, Some(None), false),
        (
            r#"{"ttl":60000}"#,
            r#"{"extensions":{"io.modelcontextprotocol/tasks":true}}"#,
            Some(Some(Duration::from_secs(60))),
            false,
        ),
        (r#"{"ttl":null}"#, "[]", Some(None), false),
    ] {
        let expected = Wish { asked, has_extension };
        assert_eq!(wish(params, capabilities), Ok(expected), "{params}");
    }
    assert_eq!(Wish::read(None, None), Ok(Wish::default()));
    for params in [
        "true",
        r#"{"ttl":-1}"#,
        r#"{"ttl":1.5}"#,
        r#"{"ttl":"1"}"#,
        r#"{"ttl":99999999999999999999}"#,
    ] {
        assert_eq!(wish(params, "{}"), Err(-32602), "{params}");
    }
}

#[test]
fn the_extension_lets_the_server_decide_for_clients_that_declare_it() {
    let mode = |support, has_extension| {
        let wish = Wish {
            asked: Some(None),
            has_extension,
        };
        Mode::of_call(Revision::V20260728, support, wish).map_err(|error| (error.code, error.data))
    };
    assert_eq!(mode(Support::Forbidden, true), Ok(Mode::Now));
    assert_eq!(mode(Support::Optional, false), Ok(Mode::Now));
    assert_eq!(mode(Support::Optional, true), Ok(Mode::Either));
    assert_eq!(mode(Support::Required, true), Ok(Mode::Task { ttl: None }));
    let required = r#"{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#;
    assert_eq!(
        mode(Support::Required, false),
        Err((-32021, Some(required.to_owned())))
    );
}

#[test]
fn the_core_form_lets_the_client_decide_where_the_tool_allows_it() {
    let ttl = Some(Duration::from_secs(5));
    let mode = |revision, support, asked| {
        let wish = Wish {
            asked,
            has_extension: true,
        };
        Mode::of_call(revision, support, wish).map_err(|error| error.code)
    };
    let core = |support, asked| mode(Revision::V20251125, support, asked);
    assert_eq!(core(Support::Forbidden, None), Ok(Mode::Now));
    assert_eq!(core(Support::Forbidden, Some(None)), Err(-32601));
    assert_eq!(core(Support::Optional, None), Ok(Mode::Now));
    assert_eq!(core(Support::Optional, Some(ttl)), Ok(Mode::Task { ttl }));
    assert_eq!(core(Support::Required, None), Err(-32601));
    assert_eq!(core(Support::Required, Some(None)), Ok(Mode::Task { ttl: None }));
    for revision in Revision::ALL
        .into_iter()
        .filter(|revision| *revision < Revision::V20251125)
    {
        assert_eq!(mode(revision, Support::Optional, Some(ttl)), Ok(Mode::Now));
        assert_eq!(mode(revision, Support::Forbidden, Some(ttl)), Ok(Mode::Now));
    }
}

#[test]
fn nothing_leads_out_of_a_final_status() {
    for from in Status::ALL {
        for to in Status::ALL {
            assert_eq!(
                from.can_become(to),
                !from.is_final() && from != to,
                "{from:?} {to:?}"
            );
        }
    }
    let names = Status::ALL.map(Status::as_str);
    assert_eq!(
        names,
        ["working", "input_required", "completed", "failed", "cancelled"]
    );
    let supports = [Support::default(), Support::Optional, Support::Required];
    assert_eq!(
        supports.map(Support::as_str),
        ["forbidden", "optional", "required"]
    );
}

#[test]
fn parameters_of_task_methods_are_read_or_refused() {
    let id = raw(r#""t\u0031""#);
    assert_eq!(task_id(Some(&id)).unwrap(), "t1");
    for wrong in ["{}", "1", "[]"] {
        assert_eq!(task_id(Some(&raw(wrong))).unwrap_err().code, -32602, "{wrong}");
    }
    assert_eq!(task_id(None).unwrap_err().code, -32602);
    let answers = raw(r#"{"a":{"action":"accept"},"b":{}}"#);
    let responses = input_responses(Some(&answers)).unwrap();
    let read: Vec<_> = responses
        .iter()
        .map(|(key, response)| (&**key, response.get()))
        .collect();
    assert_eq!(read, [("a", r#"{"action":"accept"}"#), ("b", "{}")]);
    assert_eq!(input_responses(None).unwrap_err().code, -32602);
    for wrong in ["[]", "7", r#"{"a":1}"#] {
        let error = input_responses(Some(&raw(wrong))).unwrap_err();
        assert_eq!(error.code, -32602, "{wrong}");
    }
    assert_eq!(unknown_task().code, -32602);
}

#[test]
fn the_capabilities_are_members_of_an_object() {
    assert!(serde_json::from_str::<serde_json::Value>(&format!("{{{EXTENSION_MEMBER}}}")).is_ok());
    assert!(serde_json::from_str::<serde_json::Value>(CORE_CAPABILITY).is_ok());
    assert!(EXTENSION_MEMBER.contains(EXTENSION));
}
