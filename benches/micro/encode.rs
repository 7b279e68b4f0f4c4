//! Results to replies, as a worker renders them: text and structured form.

use std::time::Duration;

use criterion::{BatchSize, Criterion};
use serde_json::value::RawValue;
use snowflake_mcp::backend::Answer;
use snowflake_mcp::backend::job::Render;
use snowflake_mcp::entropy::SeededEntropy;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::token::Keys;
use snowflake_mcp::tools::{Begun, Call, Catalogue, Form, Settings};

use crate::processor_time::{ProcessorTime, rate};
use crate::rows::rows;

pub(crate) fn encode(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("encode");
    let limits = Limits {
        rows_max: ROWS_MAX,
        result_bytes_max: 64 << 20,
        ..Limits::default()
    };
    let catalogue = Catalogue::new(Settings::new(&limits, Policy::default()));
    for count in [1_000, ROWS_MAX] {
        let result = rows(count);
        let answer = || Answer {
            results: vec![result.clone()],
            elapsed: Duration::from_millis(7),
        };
        let rendered = render(&catalogue).run(answer());
        assert!(rendered.rows == count && !rendered.truncated);
        group.throughput(rate(rendered.result.len()));
        group.bench_function(format!("{count} rows"), |bencher| {
            bencher.iter_batched(
                || (render(&catalogue), answer()),
                |(render, answer)| render.run(answer),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

const ROWS_MAX: u64 = 100_000;

/// What renders the answer of an `execute_query`.
fn render(catalogue: &Catalogue) -> Render {
    let arguments = format!(r#"{{"query":"select * from lineitem","limit":{ROWS_MAX}}}"#);
    let arguments: &RawValue = serde_json::from_str(&arguments).expect("it is JSON");
    let form = Form {
        is_structured: true,
        has_links: true,
        before: "",
        after: "",
        fence: None,
    };
    let tool = catalogue.find("execute_query").expect("there is such a tool");
    let keys = Keys::random(&mut SeededEntropy::new(1));
    match catalogue.begin(tool, Some(arguments), &Call::of_nobody(form, &keys)) {
        Ok(Begun::Work(work)) => work.render,
        other => panic!("the arguments are right: {other:?}"),
    }
}
