"""MCP's conformance suite: what each of its two frozen requirement sets demands, and what it runs without scoring it.
All of it against the fixture server (the shipped server with the suite's test data, built with the feature `conformance`),
and what needs no test data against the program itself.

No check may fail or warn that is not in `conformance_expected.txt`, and what is in there must fail."""

import collections
import fnmatch
import functools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import packages
import processes

NEEDS = ["node", "conformance"]
EXPECTED = Path(__file__).with_name("conformance_expected.txt")
BUILD_SECONDS_MAX, SUITE_SECONDS_MAX = 900, 300
WRONG = ("FAILURE", "WARNING")

# Scenarios of each requirement set, and how many of its checks passed when this was written.
SCENARIOS = {"2025-11-25": 33, "2026-07-28": 50}
PASSED_MIN = {
    ("fixtures", "2025-11-25"): 83,
    ("fixtures", "2026-07-28"): 196,
    ("shipped", "2025-11-25"): 24,
    ("shipped", "2026-07-28"): 63,
}

# Scenarios that ask for no test data by name; of `server-stateless`, some checks do.
WITHOUT_FIXTURES = {
    "2025-11-25": [
        "server-initialize",
        "server-session-lifecycle",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "logging-set-level",
        "resources-subscribe",
        "resources-unsubscribe",
    ],
    "2026-07-28": [
        "server-stateless",
        "tools-list",
        "resources-list",
        "prompts-list",
        "sep-2164-resource-not-found",
        "caching",
        "http-header-validation",
        "server-sse-multiple-streams",
        "dns-rebinding-protection",
        "input-required-result-unsupported-methods",
    ],
}


class Fixtures(processes.Process):
    """The fixture server, at a port that the system chose."""

    def __init__(self, folder):
        cargo = packages.require("cargo", "none: install Rust with rustup")
        command = [cargo, "build", "--quiet", *packages.CARGO_FEATURES, "--bin", "mcp-conformance-server"]
        processes.output_of(command, BUILD_SECONDS_MAX, folder=packages.REPOSITORY)
        target = Path(os.environ.get("CARGO_TARGET_DIR", packages.REPOSITORY / "target"))
        command = [target / "debug" / "mcp-conformance-server", "--port", "0"]
        super().__init__(command, processes.clean_environment(), folder)
        self.port = port(self)


def port(server):
    """The port of a server that has just been started; one that does not come up is stopped."""
    try:
        return server.wait_for(r"listening on http://\S+:(\d+)", processes.START_SECONDS_MAX)[1]
    except AssertionError:
        server.stop()
        raise


def start(context, program):
    if program == "fixtures":
        return Fixtures(context.scratch)
    # The suite goes to `localhost`, which may be either family.
    return processes.Server(context.binary, context.scratch, "--demo", "--host", "localhost")


def run(context, program, revision):
    """What the suite says of a server: the checks of each scenario."""
    server = start(context, program)
    try:
        folder = packages.FOLDER / "conformance-reports" / program / revision
        shutil.rmtree(folder, ignore_errors=True)  # so that no older report is taken for this one
        folder.mkdir(parents=True)
        suite = packages.FOLDER / "conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js"
        command = [packages.node_folder() / "node", suite, "server", "--url", f"http://localhost:{server.port}/mcp"]
        command += ["--requirements", revision, "--output-dir", folder]
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS_MAX,
            cwd=context.scratch,
        )
        (folder / "said.txt").write_text(done.stdout + done.stderr)
        return read(folder)
    finally:
        server.stop()


def read(folder):
    """The checks of each scenario, from the suite's own report."""
    scenarios = {}
    for path in sorted(folder.glob("*/checks.json")):
        name = re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", path.parent.name)
        assert name, f"a report of an unknown form: {path}"
        scenarios[name[1]] = json.loads(path.read_text())
    return scenarios


def expected(program, revision):
    """Patterns of the scenarios and checks that are known to be wrong."""
    patterns = []
    for line in EXPECTED.read_text().splitlines():
        if line and not line.startswith("#"):
            words = line.split(maxsplit=4)
            assert len(words) == 5, f"{EXPECTED.name}: no reason is given: {line}"
            if words[:2] == [program, revision]:
                patterns.append((words[2], words[3]))
    return patterns


def judge(program, revision, scenarios):
    patterns = expected(program, revision)
    stale = set(patterns)
    counts, known, wrong = collections.Counter(), 0, []
    for name, checks in scenarios.items():
        for check in checks:
            counts[check["status"]] += 1
            if check["status"] not in WRONG:
                continue
            matching = [
                pattern
                for pattern in patterns
                if fnmatch.fnmatchcase(name, pattern[0]) and fnmatch.fnmatchcase(check["id"], pattern[1])
            ]
            stale.difference_update(matching)
            known += bool(matching)
            if not matching:
                wrong.append(f"{name} {check['id']}: {(check.get('errorMessage') or '')[:200]}")
    told = f"{len(scenarios)} scenarios, {counts['SUCCESS']} checks passed, {counts['SKIPPED']} skipped, {known} known"
    assert not wrong, f"{told}; wrong: {'; '.join(wrong)}"
    assert not stale, f"{told}; expected to fail and did not: {sorted(stale)}"
    least = PASSED_MIN[program, revision]
    assert counts["SUCCESS"] >= least, f"{told}; at least {least} must pass"
    return told


def fixtures(context, revision):
    scenarios = run(context, "fixtures", revision)
    count = SCENARIOS[revision]
    assert len(scenarios) == count, f"{len(scenarios)} scenarios, expected {count}"
    return judge("fixtures", revision, scenarios)


def shipped(context, revision):
    scenarios, wanted = run(context, "shipped", revision), WITHOUT_FIXTURES[revision]
    missing = sorted(set(wanted) - set(scenarios))
    assert not missing, f"not run: {' '.join(missing)}"
    return judge("shipped", revision, {name: scenarios[name] for name in wanted})


def checks():
    """Name and function of each check of this module."""
    listed = []
    for program, function in (("fixtures", fixtures), ("shipped", shipped)):
        for revision in SCENARIOS:
            listed.append((f"conformance {program} {revision}", functools.partial(function, revision=revision)))
    return listed
