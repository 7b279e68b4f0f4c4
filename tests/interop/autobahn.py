"""The Autobahn TestSuite against our WebSockets: all of it but compression against an echo over the same codec
(`websocket_echo.rs`), and against `/mcp` the cases whose right answer is no echo. It was written for CPython 2.7 and
needs one: PY27 names it, else pyenv's or the one on PATH is taken."""

import collections
import json
import shutil
from pathlib import Path

import packages
import processes

NEEDS = ["autobahn"]
DRIVER = Path(__file__).with_name("clients") / "autobahn27.py"
BUILD_SECONDS_MAX, SUITE_SECONDS_MAX = 900, 600
# 298 were ok when this was written, and 3 informational.
ECHO_CASES, ECHO_OK_MIN = 301, 296
# 138, and 2 informational.
RPC_CASES, RPC_OK_MIN = 140, 136

# What the suite says of a case, and what that is called here. "Non-strict" is lawful and seen later than it could be; for
# "informational" there is no right answer. Any other word is wrong.
VERDICTS = {"OK": "ok", "NON-STRICT": "non-strict", "INFORMATIONAL": "informational"}


class Echo(processes.Process):
    """The echo server, at a port that the system chose."""

    def __init__(self, folder):
        cargo = packages.require("cargo", "none: install Rust with rustup")
        command = [cargo, "build", "--quiet", *packages.CARGO_FEATURES, "--example", "websocket_echo"]
        processes.output_of(command, BUILD_SECONDS_MAX, folder=packages.REPOSITORY)
        binary = packages.REPOSITORY / "target" / "debug" / "examples" / "websocket_echo"
        super().__init__([binary], processes.clean_environment(), folder)
        try:
            self.url = self.wait_for(r"listening on (ws://\S+)", processes.START_SECONDS_MAX)[1]
        except AssertionError:
            self.stop()
            raise


def driver(context, *arguments):
    """What the suite's own Python says."""
    command = [packages.python27(), DRIVER, packages.FOLDER / "autobahn", *arguments]
    return processes.output_of(command, SUITE_SECONDS_MAX, folder=context.scratch)


def chosen(context, which, count):
    """The numbers of the cases to run."""
    cases = json.loads(driver(context, "cases", which))
    assert len(cases) == count, f"{len(cases)} cases, expected {count}"
    return cases


def run(context, name, url, cases):
    """Runs `cases` against `url`: the suite's report, by case."""
    folder = packages.FOLDER / "autobahn-reports" / name
    shutil.rmtree(folder, ignore_errors=True)  # so that no older report is taken for this one
    folder.mkdir(parents=True)
    specification = {
        "outdir": str(folder),
        "servers": [{"agent": "snowflake-mcp", "url": url}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "specification.json").write_text(json.dumps(specification))
    driver(context, "run", folder / "specification.json")
    return json.loads((folder / "index.json").read_text())["snowflake-mcp"]


def verdict(case):
    """The worse of what is said of the conversation and of its end."""
    both = [VERDICTS.get(case[key], "wrong") for key in ("behavior", "behaviorClose")]
    return "wrong" if "wrong" in both else both[0]


def judge(report, cases, ok_min):
    verdicts = {number: verdict(case) for number, case in report.items()}
    counts = collections.Counter(verdicts.values())
    slowest = max(report, key=lambda number: report[number]["duration"])
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("ok", "non-strict", "informational", "wrong"))
    told = f"{told}; slowest {slowest} with {report[slowest]['duration'] / 1000:.1f} s"
    missing = sorted(set(cases) - set(report))
    wrong = sorted(number for number, kind in verdicts.items() if kind == "wrong")
    assert not missing and not wrong, f"{told}; wrong: {' '.join(wrong)}; not run: {' '.join(missing)}"
    assert counts["ok"] >= ok_min, f"{told}; at least {ok_min} must be ok"
    return told


def echo(context):
    cases = chosen(context, "all", ECHO_CASES)
    server = Echo(context.scratch)
    try:
        return judge(run(context, "echo", server.url, cases), cases, ECHO_OK_MIN)
    finally:
        server.stop()


def rpc(context):
    cases = chosen(context, "without-echo", RPC_CASES)
    return judge(run(context, "rpc", context.demo().websocket_url, cases), cases, RPC_OK_MIN)


def checks():
    return [("autobahn echo", echo), ("autobahn rpc", rpc)]


def missing():
    """Why this cannot run, if it cannot."""
    return None if packages.python27() else packages.NO_PYTHON27
