//! What the server says of itself and for how long it may be believed, under an operator's settings.

use super::results::choice;
use super::*;
use crate::sql::objects::ObjectRules;
use crate::sql::ruling::Ruling;
use std::time::Duration;

fn service_with(limits: &Limits, change: impl FnOnce(&mut Settings)) -> Service {
    let mut settings = Settings::new(limits, Policy::default());
    change(&mut settings);
    Service::new(limits, settings, Keys::random(&mut SeededEntropy::new(1)))
}

/// The result of a call that needs nobody.
fn result(service: &mut Service, context: &Context<'_>, text: &str) -> serde_json::Value {
    let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
    match service.on_message(context, &message) {
        Outcome::Result { payload, .. } => serde_json::from_slice(&payload.bytes()).unwrap(),
        other => panic!("{text}: {other:?}"),
    }
}

fn of_discover(service: &mut Service) -> serde_json::Value {
    result(service, &socket(None), &modern("server/discover", ""))
}

#[test]
fn a_list_that_may_become_another_one_is_to_be_kept_for_a_minute_only() {
    for (may_change, ttl) in [(false, 3_600_000), (true, 60_000)] {
        let mut service = service_with(&Limits::default(), |settings| {
            settings.rulings_may_change = may_change;
        });
        for method in ["tools/list", "server/discover"] {
            let told = result(&mut service, &socket(None), &modern(method, ""));
            assert_eq!(told["ttlMs"], ttl, "{method}");
            let promised = of_discover(&mut service)["capabilities"]["tools"]["listChanged"].clone();
            assert_eq!(promised == true, may_change, "{method}");
        }
        let prompts = result(&mut service, &socket(None), &modern("prompts/list", ""));
        assert_eq!(prompts["ttlMs"], 3_600_000);
    }
}

#[test]
fn what_the_operator_does_not_let_be_kept_clients_shall_not_keep_either() {
    for (seconds, ttl) in [(0, 0), (59, 0), (60, 60_000), (86_400, 60_000)] {
        let limits = Limits {
            metadata_ttl: Duration::from_secs(seconds),
            ..Limits::default()
        };
        let service = service_with(&limits, |_| {});
        let form = service.account_form(Revision::V20260728);
        let object: serde_json::Value = serde_json::from_slice(&form.object(&[b"\"resources\":[]"])).unwrap();
        assert_eq!(
            (&object["ttlMs"], &object["cacheScope"]),
            (&ttl.into(), &"private".into())
        );
        let legacy = service.account_form(Revision::V20251125);
        assert_eq!(legacy.object(&[b"\"resources\":[]"]), br#"{"resources":[]}"#);
    }
}

#[test]
fn the_instructions_say_what_there_is_to_be_used_and_nothing_else() {
    let limits = Limits::default();
    let instructions =
        |service: &mut Service| of_discover(service)["instructions"].as_str().unwrap().to_owned();
    let mut reads = service_with(&limits, |_| {});
    let said = instructions(&mut reads);
    assert!(said.starts_with("Read-only access to Snowflake. "), "{said}");
    assert!(!said.contains("connection") && !said.contains("<data-"), "{said}");
    // Every tool has its place in them, and none that is not there.
    let named = said.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let mut named: Vec<&str> = named.filter(|word| word.contains('_')).collect();
    named.sort_unstable();
    named.dedup();
    let mut tools: Vec<&str> = reads.tool_names().collect();
    tools.sort_unstable();
    assert_eq!(named, tools);

    let mut writes = service_with(&limits, |settings| {
        settings.rulings = Policy::default().with_writes("insert").unwrap().into();
    });
    let said = instructions(&mut writes);
    assert!(
        !said.contains("Read-only") && said.contains("some writes"),
        "{said}"
    );

    let mut several = service_with(&limits, |settings| {
        settings.choices = vec![choice("first"), choice("second")];
    });
    let said = instructions(&mut several);
    assert!(said.contains("the argument connection"), "{said}");
}

#[test]
fn other_lists_of_objects_are_another_list_of_resources() {
    let mut service = service_with(&Limits::default(), |settings| settings.rulings_may_change = true);
    let with_lists = |denied: &str| Ruling {
        objects: ObjectRules::new(&[], &[denied]).unwrap(),
        ..Ruling::default()
    };
    let mut told = |ruling: Ruling| {
        service.replace_rulings(ruling.into());
        service.take_changes()
    };
    assert!(
        told(Ruling::default()).is_empty(),
        "nothing is another than before"
    );
    let changes = told(with_lists("SALES.HR"));
    assert!(
        changes.resources && !changes.tools && !changes.prompts,
        "{changes:?}"
    );
    assert!(told(with_lists("SALES.HR")).is_empty());
    assert!(told(Ruling::default()).resources);
}

#[test]
fn a_cursor_of_one_list_leads_nowhere_in_another() {
    let mut service = service();
    let context = socket(Some(Revision::V20251125));
    let maker = |section| cursor::Maker {
        keys: service.keys().clone(),
        principal: Box::default(),
        now: Context::default().now.wall,
        section,
        next_section: Some(section),
    };
    // The account is the first offer. A place may be behind a name, be it all digits, or before the first one.
    let of_resources = [maker(1).next(Some("17")), maker(1).next(None)];
    let of_tasks = [maker(cursor::TASKS).next(Some("17"))];
    let mut code = |method: &str, cursor: &Option<String>| {
        let cursor = cursor.as_deref().unwrap();
        let text = call(method, &format!(r#""cursor":"{cursor}""#));
        let message = rpc::decode(text.as_bytes(), &Limits::default()).unwrap();
        match service.on_message(&context, &message) {
            Outcome::Error { error, .. } => error.code,
            _ => 0,
        }
    };
    for cursor in &of_resources {
        assert_eq!(
            (code("resources/list", cursor), code("tasks/list", cursor)),
            (0, -32602)
        );
    }
    for cursor in &of_tasks {
        assert_eq!(
            (code("resources/list", cursor), code("tasks/list", cursor)),
            (-32602, 0)
        );
    }
    for cursor in of_resources.iter().chain(&of_tasks) {
        for method in ["tools/list", "prompts/list", "resources/templates/list"] {
            assert_eq!(code(method, cursor), -32602, "{method}");
        }
    }
}
