"""Checks with clients that others wrote: each in every era and over every transport it speaks, against the embedded
engine. All must list the tools and read the row of one statement."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import calls
import packages
import processes

TOOLS = [
    "cancel_query", "describe_table", "describe_view", "execute_query", "explain_query", "get_query_result",
    "list_databases", "list_queries", "list_schemas", "list_tables", "list_views", "profile_table", "query_view",
    "sample_table", "search_objects",
]
CALL = {"name": "execute_query", "arguments": {"query": "select 1 as one"}}
SECONDS_MAX = 240
LEGACY, MODERN = "2025-11-25", "2026-07-28"
SCRIPTS = Path(__file__).with_name("clients")

NEEDS = ["python-mcp2", "python-mcp1", "node", "typescript1", "typescript2", "inspector"]


def environment():
    path = f"{packages.node_folder()}{os.pathsep}{os.environ['PATH']}"
    return processes.clean_environment(PATH=path, CALL=json.dumps(CALL))


def judge(seen, revision):
    """Whether a client saw the tools and the row, in the revision that it must have spoken."""
    assert sorted(seen["tools"]) == TOOLS, f"tools: {seen['tools']}"
    assert revision is None or seen["revision"] == revision, f"revision {seen['revision']}, expected {revision}"
    judge_result(seen["result"])


def judge_result(result):
    rows = calls.rows(result)
    assert [[str(cell) for cell in row] for row in rows] == [["1"]], f"rows: {rows}"
    names = [column["name"].upper() for column in result["structuredContent"]["columns"]]
    assert names == ["ONE"], f"columns: {names}"
    assert "1" in calls.text(result), f"text: {calls.text(result)[:200]}"


def target(context, kind):
    """Where a client finds the server, in its own words."""
    if kind == "stdio":
        return ["stdio", str(context.binary), "stdio", "--demo"]
    url = context.demo().http_url if kind == "http" else context.demo().websocket_url
    return [kind, url]



def ask(context, interpreter, script, before, kind, revision):
    command = [interpreter, script, *before, *target(context, kind)]
    output = processes.output_of(command, SECONDS_MAX, environment(), context.scratch)
    judge(processes.last_json(output), revision)


def python(context, name, before, kind, revision):
    ask(context, packages.python(name), SCRIPTS / f"{name.replace('-', '_')}.py", before, kind, revision)


def node(context, name, before, kind, revision):
    # Node looks for packages beside the script, so it is run from where they are.
    script = packages.FOLDER / name / f"{name}.mjs"
    shutil.copyfile(SCRIPTS / f"{name}.mjs", script)
    ask(context, packages.node_folder() / "node", script, before, kind, revision)


def inspector(context, era, kind):
    # Run by the newer Node itself: its package names no interpreter that PATH would not override.
    binary = packages.FOLDER / "inspector" / "node_modules" / ".bin" / "mcp-inspector"
    command = [packages.node_folder() / "node", binary, "--cli"]
    if kind == "http":
        command += [context.demo().http_url, "--transport", "http", "--protocol-era", era]
    else:
        command += [context.binary, "stdio", "--demo", "--transport", "stdio", "--protocol-era", era]
    command += ["--format", "json", "--method"]
    settings = environment() | {"HOME": str(context.scratch)}

    def run(*arguments):
        return processes.output_of([*command, *arguments], SECONDS_MAX, settings, context.scratch)

    listed = json.loads(run("tools/list"))["result"]
    names = sorted(tool["name"] for tool in listed["tools"])
    assert names == TOOLS, f"tools: {names}"
    arguments = json.dumps(CALL["arguments"])
    called = json.loads(run("tools/call", "--tool-name", CALL["name"], "--tool-args-json", arguments))
    judge_result(called["result"])


ROUTES = [
    ("GET", "/health", 200),
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 200),
    ("GET", "/health/detailed", 200),
    ("GET", "/status", 200),
    ("GET", "/metrics", 200),
    ("GET", "/mcp/tools", 200),
    ("GET", "/mcp", 400),
    ("PUT", "/mcp", 405),
    ("HEAD", "/health", 200),
    ("GET", "/nowhere", 404),
]


def routes(context):
    """Every route answers as the README says, with the headers that keep browsers out."""
    server = context.demo()
    for method, path, expected in ROUTES:
        status, headers, _ = calls.get(server.host, server.port, path, method)
        assert status == expected, f"{method} {path} is {status}, expected {expected}"
        assert headers.get("x-content-type-options") == "nosniff", f"{path} lacks nosniff: {headers}"
        assert "access-control-allow-origin" not in headers, f"{path} opens itself to web pages"
    body = json.dumps({"name": CALL["name"], "arguments": CALL["arguments"]})
    json_type = {"Content-Type": "application/json"}
    status, _, text = calls.get(server.host, server.port, "/mcp/tools/call", "POST", body, json_type)
    assert status == 200, f"POST /mcp/tools/call is {status}: {text[:200]}"
    judge_result(json.loads(text)["result"])


# Far above what is measured (a few milliseconds, about 10 MiB): a busy machine must not fail this, a mistake must.
START_SECONDS_MAX, MEMORY_KIB_MAX, STARTS = 1.0, 32 << 10, 5


def footprint(context):
    """A start is a matter of milliseconds, and memory stays small until the sample data is used."""
    starts = []
    # The machine may stand still in one of them.
    while len(starts) < STARTS and (not starts or min(starts)[0] >= START_SECONDS_MAX):
        starts.append(start(context))
    seconds, memory = min(starts)[0], max(memory for _, memory in starts)
    told = f"first /health after {seconds * 1000:.0f} ms, {memory / 1024:.1f} MiB resident"
    assert seconds < START_SECONDS_MAX and memory < MEMORY_KIB_MAX, told
    return told


def start(context):
    """Seconds from a start to the first answer, and the KiB that it has by then."""
    begun = time.monotonic()
    server = processes.Server(context.binary, context.scratch, "--demo")
    try:
        status, _, _ = calls.get(server.host, server.port, "/health")
        seconds = time.monotonic() - begun
        status_file = Path(f"/proc/{server.child.pid}/status").read_text()
    finally:
        server.stop()
    assert status == 200, f"/health is {status}"
    return seconds, int(re.search(r"VmRSS:\s+(\d+) kB", status_file)[1])


def checks():
    """Name and function of each check of this module."""
    listed = [("routes", routes), ("footprint", footprint)]

    def add(name, function, *arguments):
        listed.append((name, lambda context: function(context, *arguments)))

    for mode, revision in (("auto", MODERN), ("legacy", LEGACY), (MODERN, MODERN)):
        for kind in ("http", "stdio"):
            add(f"python-mcp2 {kind} {mode}", python, "python-mcp2", [mode], kind, revision)
            add(f"typescript2 {kind} {mode}", node, "typescript2", [mode], kind, revision)
    for kind in ("http", "websocket", "stdio"):
        add(f"python-mcp1 {kind}", python, "python-mcp1", [], kind, LEGACY)
        add(f"typescript1 {kind}", node, "typescript1", [], kind, LEGACY)
    add("typescript1 ws", node, "typescript1", [], "ws", LEGACY)
    for era in ("auto", "legacy", "modern"):
        add(f"inspector http {era}", inspector, era, "http")
    add("inspector stdio legacy", inspector, "legacy", "stdio")
    return sorted(listed)
