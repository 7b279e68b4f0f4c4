//! Tasks from their beginning to their end, and what holds whatever happens to them.

use super::*;
use crate::entropy::SeededEntropy;
use crate::mcp::Payload;

fn limits() -> Limits {
    Limits {
        tasks_max: 3,
        task_results_bytes_max: 40,
        task_ttl_max: Duration::from_secs(60),
        ..Limits::default()
    }
}

fn at(seconds: u64) -> Now {
    Now {
        monotonic: Instant::from_micros(seconds * 1_000_000),
        wall: WallTime::from_micros((1_790_000_000 + seconds) * 1_000_000),
    }
}

fn begin(tasks: &mut Tasks, owner: &[u8], job: u64, now: Now) -> Result<u64, Full> {
    let number = tasks.next_number()?;
    let task = NewTask {
        owner: owner.into(),
        id: format!("id-{job}").into(),
        job: JobId(job),
        revision: Revision::V20260728,
        ttl: tasks.ttl(None),
    };
    tasks.insert(number, task, now);
    Ok(number)
}

fn result(json: &'static str) -> Ended {
    Ended::Result(Payload::Static(json))
}

fn question() -> Question {
    Question {
        method: "elicitation/create",
        params: b"{}".to_vec(),
    }
}

fn status(tasks: &Tasks, number: u64) -> Option<Status> {
    tasks.get(number).map(|(snapshot, _)| snapshot.status)
}

#[test]
fn a_task_goes_from_working_to_its_result_and_stays_there() {
    let mut tasks = Tasks::new(&limits(), 7);
    let number = begin(&mut tasks, b"o", 1, at(0)).unwrap();
    assert_eq!(number >> 32, 7);
    assert!(tasks.outcome(number).is_none());
    assert!(tasks.wait(number, JobId(8)) && tasks.wait(number, JobId(9)));
    tasks.leave(number, JobId(9));
    assert!(tasks.say(number, "running", at(1).wall) && !tasks.say(number, "running", at(2).wall));
    let (snapshot, _) = tasks.get(number).unwrap();
    assert_eq!((snapshot.id, snapshot.message), ("id-1", Some("running")));
    assert_eq!((snapshot.created, snapshot.updated), (at(0).wall, at(1).wall));
    assert_eq!(tasks.take_waiting(number), [], "it goes on");
    assert!(tasks.finish(number, result("{\"a\":1}"), at(3).wall));
    assert_eq!(tasks.take_waiting(number), [JobId(8)]);
    let (snapshot, detail) = tasks.get(number).unwrap();
    assert_eq!((snapshot.status, snapshot.message), (Status::Completed, None));
    assert!(matches!(detail, Detail::Result(open) if **open == *b"{\"a\":1"));
    assert_eq!(tasks.outcome(number).unwrap().unwrap().as_ref(), b"{\"a\":1");
    assert!(!tasks.finish(number, result("{}"), at(4).wall));
    assert_eq!(
        tasks.cancel(number, at(4).wall),
        Cancelled::Over(Status::Completed)
    );
    assert!(!tasks.wait(number, JobId(8)) && !tasks.say(number, "late", at(4).wall));
    assert!(!tasks.ask(number, vec![question()], at(4).wall) && tasks.job(number).is_none());
}

#[test]
fn a_cancelled_task_gives_its_job_and_those_who_wait() {
    let mut tasks = Tasks::new(&limits(), 7);
    let number = begin(&mut tasks, b"o", 1, at(0)).unwrap();
    tasks.wait(number, JobId(9));
    let cancelled = Cancelled::Now { job: Some(JobId(1)) };
    assert_eq!(tasks.cancel(number, at(1).wall), cancelled);
    assert_eq!(tasks.take_waiting(number), [JobId(9)]);
    assert_eq!(
        tasks.cancel(number, at(2).wall),
        Cancelled::Over(Status::Cancelled)
    );
    let is_news = tasks.finish(number, result("{}"), at(2).wall);
    assert!(!is_news, "its end came too late");
    assert_eq!(tasks.outcome(number).unwrap().unwrap_err().code, -32602);
    assert_eq!(tasks.cancel(number + 1, at(2).wall), Cancelled::Unknown);
}

#[test]
fn a_task_waits_until_every_question_is_answered() {
    let mut tasks = Tasks::new(&limits(), 7);
    let number = begin(&mut tasks, b"o", 1, at(0)).unwrap();
    assert!(tasks.ask(number, vec![question(), question()], at(1).wall));
    assert_eq!(status(&tasks, number), Some(Status::InputRequired));
    let mut answer = |key: &str, json: &str, second| {
        let answer: Box<RawValue> = serde_json::from_str(json).unwrap();
        tasks.answered(number, key, &answer, at(second).wall)
    };
    assert!(matches!(answer("q2", "{\"b\":2}", 2), Answered::Partly));
    assert!(matches!(answer("q2", "{}", 2), Answered::Ignored));
    assert!(matches!(answer("q3", "{}", 2), Answered::Ignored));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(40));
    assert!(matches!(answer("q1", &long, 2), Answered::TooMuch));
    let (_, detail) = tasks.get(number).unwrap();
    assert!(matches!(detail, Detail::Questions([(key, _)]) if **key == *"q1"));
    assert_eq!(tasks.question(number).unwrap().0, "q1");
    let answer: Box<RawValue> = serde_json::from_str("{\"a\":1}").unwrap();
    let Answered::All(answers) = tasks.answered(number, "q1", &answer, at(3).wall) else {
        panic!("it was the last");
    };
    let answers: Vec<_> = answers.iter().map(|answer| answer.get()).collect();
    assert_eq!(
        answers,
        ["{\"a\":1}", "{\"b\":2}"],
        "in the order of the questions"
    );
    assert_eq!(status(&tasks, number), Some(Status::Working));
    assert!(tasks.ask(number, vec![question()], at(4).wall));
    assert_eq!(tasks.question(number).unwrap().0, "q3", "no key is used twice");
    tasks.unanswered(number, at(5).wall);
    assert_eq!(status(&tasks, number), Some(Status::Working));
    assert_eq!(tasks.results_bytes, 0);
}

#[test]
fn a_tool_that_failed_is_a_failed_task_in_the_core_form_only() {
    for (revision, expected) in [
        (Revision::V20251125, Status::Failed),
        (Revision::V20260728, Status::Completed),
    ] {
        let mut tasks = Tasks::new(&limits(), 7);
        let number = tasks.next_number().unwrap();
        let task = NewTask {
            owner: b"o".as_slice().into(),
            id: "id".into(),
            job: JobId(1),
            revision,
            ttl: tasks.ttl(None),
        };
        tasks.insert(number, task, at(0));
        assert!(tasks.finish(number, result("{\"content\":[],\"isError\":true}"), at(1).wall));
        assert_eq!(status(&tasks, number), Some(expected));
        assert!(tasks.outcome(number).unwrap().is_ok(), "its result is there");
    }
}

#[test]
fn a_failed_task_says_why() {
    let mut tasks = Tasks::new(&limits(), 7);
    let number = begin(&mut tasks, b"o", 1, at(0)).unwrap();
    tasks.finish(number, Ended::Error(rpc::Error::internal_error("x")), at(1).wall);
    let (snapshot, detail) = tasks.get(number).unwrap();
    assert_eq!(snapshot.message, Some("internal error: x"));
    assert!(matches!(detail, Detail::Error(error) if error.code == -32603));
}

#[test]
fn without_room_for_its_result_a_task_fails_and_the_earlier_ones_stay() {
    let mut tasks = Tasks::new(&limits(), 7);
    let (one, two) = (
        begin(&mut tasks, b"o", 1, at(0)).unwrap(),
        begin(&mut tasks, b"o", 2, at(10)).unwrap(),
    );
    tasks.finish(one, result("{\"a\":\"0123456789012345678\"}"), at(11).wall);
    tasks.finish(two, result("{\"a\":\"0123456789012345678\"}"), at(11).wall);
    assert_eq!(
        (status(&tasks, one), status(&tasks, two)),
        (Some(Status::Completed), Some(Status::Failed))
    );
    assert_eq!(tasks.expire(at(60).monotonic), []);
    let three = begin(&mut tasks, b"o", 3, at(60)).unwrap();
    tasks.finish(three, result("{\"a\":\"0123456789012345678\"}"), at(61).wall);
    assert_eq!(
        status(&tasks, three),
        Some(Status::Completed),
        "the room was given back"
    );
}

#[test]
fn one_task_too_many_is_not_made_until_another_is_over_its_time() {
    let mut tasks = Tasks::new(&limits(), 7);
    for job in 0..3 {
        begin(&mut tasks, b"o", job, at(job)).unwrap();
    }
    assert_eq!(begin(&mut tasks, b"o", 9, at(3)), Err(Full { tasks_max: 3 }));
    assert_eq!(tasks.next_expiry(), Some(at(60).monotonic));
    assert_eq!(tasks.expire(at(59).monotonic), []);
    assert_eq!(tasks.expire(at(60).monotonic), [JobId(0)]);
    assert!(begin(&mut tasks, b"o", 9, at(60)).is_ok());
    assert_eq!(tasks.expire(at(200).monotonic).len(), 3);
    assert!(tasks.is_empty() && tasks.next_expiry().is_none());
}

#[test]
fn a_client_gets_the_time_it_asks_for_up_to_a_limit() {
    let tasks = Tasks::new(&limits(), 7);
    for (asked, granted) in [(None, 60), (Some(5), 5), (Some(3_600), 60)] {
        assert_eq!(
            tasks.ttl(asked.map(Duration::from_secs)),
            Duration::from_secs(granted)
        );
    }
}

#[test]
fn everybody_sees_their_own_page_by_page() {
    let mut tasks = Tasks::new(&limits(), 7);
    let mine = [
        begin(&mut tasks, b"me", 1, at(0)).unwrap(),
        begin(&mut tasks, b"you", 2, at(0)).unwrap(),
        begin(&mut tasks, b"me", 3, at(0)).unwrap(),
    ];
    assert_eq!(tasks.of_owner(b"me", None, 1), (vec![mine[0]], true));
    assert_eq!(tasks.of_owner(b"me", Some(mine[0]), 1), (vec![mine[2]], false));
    assert_eq!(tasks.of_owner(b"me", Some(u64::MAX), 1), (vec![], false));
    assert_eq!(tasks.of_owner(b"nobody", None, 9), (vec![], false));
    begin(&mut tasks, b"", 4, at(60)).unwrap_err();
    tasks.expire(at(60).monotonic);
    begin(&mut tasks, b"", 4, at(60)).unwrap();
    assert_eq!(tasks.of_owner(b"", None, 9), (vec![], false));
}

/// Chance, for as long as it takes to meet every pair of neighbouring steps many times.
#[test]
fn whatever_happens_a_final_status_stays_and_sums_are_true() {
    let mut random = SeededEntropy::new(3);
    let mut tasks = Tasks::new(&limits(), 7);
    let (mut known, mut finals): (Vec<u64>, BTreeMap<u64, Status>) = (Vec::new(), BTreeMap::new());
    for second in 0..20_000 {
        let now = at(second);
        let number = known.get(random.below(4) as usize).copied().unwrap_or(1);
        match random.below(8) {
            0 | 1 => known.extend(begin(&mut tasks, b"o", second, now)),
            2 => drop(tasks.finish(number, result("{\"a\":\"0123456789\"}"), now.wall)),
            3 => drop(tasks.finish(number, Ended::Error(rpc::Error::internal_error("x")), now.wall)),
            4 => drop(tasks.cancel(number, now.wall)),
            5 if tasks.question(number).is_none() => {
                tasks.ask(number, vec![question(), question()], now.wall);
            }
            5 => tasks.unanswered(number, now.wall),
            6 => {
                let key = tasks.question(number).map(|(key, _)| key.to_owned());
                let answer: Box<RawValue> = serde_json::from_str("{\"a\":1}").unwrap();
                drop(tasks.answered(number, &key.unwrap_or_default(), &answer, now.wall));
            }
            _ => drop(tasks.expire(now.monotonic)),
        }
        known.retain(|number| tasks.get(*number).is_some());
        finals.retain(|number, _| tasks.get(*number).is_some());
        for number in &known {
            let status = status(&tasks, *number).unwrap();
            let before = finals.get(number).copied();
            assert!(
                before.is_none_or(|before| before == status),
                "{before:?} {status:?}"
            );
            if status.is_final() {
                finals.insert(*number, status);
                assert!(tasks.outcome(*number).is_some() && tasks.job(*number).is_none());
            }
        }
        assert_eq!(
            tasks.results_bytes,
            tasks.rows.values().map(Row::kept_bytes).sum::<usize>()
        );
        assert!(tasks.len() <= 3 && tasks.results_bytes <= 40);
        assert_eq!(tasks.by_end.len(), tasks.len());
    }
}
