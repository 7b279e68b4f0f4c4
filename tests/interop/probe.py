"""An HTTP/1.1 probe that somebody else wrote, of raw bytes with the section of each case. Our own cases are in
`tests/end_to_end/http11`; this one is asked when HTTP11_PROBE names its script."""

import collections
import json
import os
import subprocess
import sys

import processes

SECONDS_MAX = 300
SCORE_PERCENT_MIN = 95
# Levels at which nothing may fail. The fourth is SHOULD.
STRICT = ("MUST", "SEC", "OK")
KEY = "a-key-made-for-this-run"


def judge(report):
    """Whether enough passed, and nothing failed that must not."""
    rows = report["rows"]
    counts = collections.Counter(row["verdict"] for row in rows)
    score = 100 * (counts["PASS"] + counts["WARN"] / 2) / len(rows)
    failed = [f"{row['id']} ({row['level']}, {row['rfc']}): {row['got']}" for row in rows if row["verdict"] == "FAIL"]
    told = f"{len(rows)} cases, {counts['PASS']} pass, {counts['WARN']} warn, {counts['FAIL']} fail"
    is_strict = any(row["verdict"] == "FAIL" and row["level"] in STRICT for row in rows)
    assert not is_strict and score >= SCORE_PERCENT_MIN, f"{told}, {score:.1f} %: {'; '.join(failed)}"
    return told


def probe(context, *arguments, **settings):
    server = processes.Server(context.binary, context.scratch, "--demo", **settings)
    try:
        report = context.scratch / "probe.json"
        report.unlink(missing_ok=True)
        command = [sys.executable, script(), "--port", str(server.port), "--post-path", "/mcp"]
        command += ["--get-path", "/health", "--ws-path", "/mcp", "--json", str(report), *arguments]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX, cwd=context.scratch
        )
        assert report.exists(), f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"
        told = judge(json.loads(report.read_text()))
        # It has an opinion that is in no case: whether the server was alive afterwards.
        assert done.returncode == 0, f"{told}, exit code {done.returncode}: {done.stdout.strip()[-300:]}"
        return told
    finally:
        server.stop()


def checks():
    return [
        ("http11 probe", probe),
        ("http11 probe with keys", lambda context: probe(context, "--token", KEY, API_KEYS=KEY)),
    ]


def script():
    """The probe's script, when one is named."""
    return os.environ.get("HTTP11_PROBE")
