//! Messages and statements.

use std::hint::black_box;

use criterion::Criterion;
use snowflake_mcp::limits::Limits;
use snowflake_mcp::rpc;
use snowflake_mcp::sql::guard::Policy;
use snowflake_mcp::wire::buffer::{Outbox, Piece};

use crate::processor_time::{ProcessorTime, rate};
use crate::{messages, statements};

pub(crate) fn rpc(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("rpc");
    let limits = Limits::default();
    let long = messages::CALL.replace("select 1", &statements::long(64 << 10).replace('\n', "\\n"));
    for (name, text) in [("decode a call", messages::CALL), ("decode a long call", &long)] {
        group.throughput(rate(text.len()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(rpc::decode(black_box(text.as_bytes()), &limits).is_ok()));
        });
    }
    let payload = vec![b'x'; 1_000];
    let mut outbox = Outbox::default();
    group.throughput(rate(payload.len()));
    group.bench_function("encode a reply", |bencher| {
        bencher.iter(|| {
            for part in rpc::reply_prefix(black_box("17")) {
                outbox.push(Piece::Borrowed(part));
            }
            outbox.push(Piece::Borrowed(&payload));
            outbox.push(Piece::Borrowed(rpc::REPLY_SUFFIX));
            outbox.sent(outbox.len());
        });
    });
    let error = rpc::Error::invalid_params("name must be the name of a tool");
    group.throughput(rate(rpc::error_reply(Some("17"), &error).len()));
    group.bench_function("encode an error", |bencher| {
        bencher.iter(|| rpc::error_reply(black_box(Some("17")), &error));
    });
    group.finish();
}

pub(crate) fn guard(criterion: &mut Criterion<ProcessorTime>) {
    let mut group = criterion.benchmark_group("guard");
    let policy = Policy::default();
    let long = statements::long(Limits::default().statement_reactor_bytes_max);
    for (name, text) in [
        ("short", statements::SHORT),
        ("TPC-H query 5", statements::TPCH),
        ("8 KiB", &long),
    ] {
        group.throughput(rate(text.len()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(policy.check(black_box(text)).is_ok()));
        });
    }
    group.finish();
}
