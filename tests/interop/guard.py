"""Cases for a statement guard that somebody else wrote, answered by `policy check --jsonl`. Our own corpus is in
`tests/guard`; this one is asked when SQL_GUARD_RUN names the script that scores it."""

import os
import subprocess
import sys

SECONDS_MAX = 120


def suite(context):
    """Every case right both ways; differences about strict defaults are told, not failed."""
    command = [sys.executable, script(), "--cmd", f"{context.binary} policy check --jsonl"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS_MAX, cwd=context.scratch
    )
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-300:]]
    assert done.returncode == 0, "; ".join(line for line in lines if " policy: " not in line)
    return lines[-1]


def checks():
    return [("statement guard", suite)]


def script():
    """The suite's script, when one is named."""
    return os.environ.get("SQL_GUARD_RUN")
