"""Checks against Snowflake's SQL API: a server that others wrote puts its wire in front of a real SQL engine, and says
afterwards what it was asked and what it really ran. Runs when SNOWFLAKE_CONTRACT_SERVER names its script."""

import contextlib
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import calls
import packages
import processes
from clients import TOOLS

NEEDS = ["snowflake"]

ROWS = 20_000
# One after the other through eight workers they would take 50 s.
STATEMENTS, STATEMENT_SECONDS, STATEMENTS_SECONDS_MAX = 200, 2, 40
DRAINED_CALLS = 50
# Less than the statement that is waited for takes by itself.
NOTICED_SECONDS_MAX = 45


@contextlib.contextmanager
def served(context, **settings):
    """The server under test in front of the SQL API server, whose log is empty."""
    api = context.sql_api()
    control(api, "reset", "POST")
    with_token = settings.pop("with_token", False)
    server = processes.Server(context.binary, context.scratch, **api.settings(with_token), **settings)
    try:
        yield server, api
    finally:
        server.stop()


def executed(api):
    """How often each statement really ran, without those that look at the role."""
    executions = control(api, "log")["executions"]
    looks = ("SELECT CURRENT_ROLE()", "SELECT CURRENT_SECONDARY_ROLES()", "SHOW GRANTS TO ")
    return {text: count for text, count in executions.items() if not text.startswith(looks)}


def control(api, name, method="GET"):
    status, _, body = calls.get(api.host, api.port, f"/__test/{name}", method)
    assert status == 200, f"the SQL API server answered {status} to {name}"
    return json.loads(body)


def posted(api, part):
    """Statements that hold `part` and reached the SQL API server, in order."""
    requests = control(api, "log")["requests"]
    return [entry for entry in requests if part in entry.get("statement", "")]


def wait_until(condition, seconds, what):
    """Looks again and again; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - begun


def tools(context, with_token):
    with served(context, with_token=with_token) as (server, api):
        status, _, body = calls.get(server.host, server.port, "/mcp/tools")
        assert status == 200, f"/mcp/tools is {status}"
        names = sorted(tool["name"] for tool in json.loads(body)["tools"])
        assert names == TOOLS, f"tools: {names}"

        place = {"database": "DB1", "schema": "S1"}
        view = {**place, "view_name": "NAMED"}
        said = calls.text(calls.call(server, "list_databases", {}))
        assert "DB1" in said, f"list_databases: {said[:300]}"
        said = calls.text(calls.call(server, "list_views", place))
        assert "NAMED" in said, f"list_views: {said[:300]}"
        described = calls.call(server, "describe_view", view)
        said = calls.text(described)
        assert not described.get("isError") and "ID" in said and "NAME" in said, f"describe_view: {said[:300]}"
        said = calls.text(calls.call(server, "list_schemas", {"database": "DB1"}))
        assert "S1" in said, f"list_schemas: {said[:300]}"
        tables = calls.call(server, "list_tables", place)
        assert not tables.get("isError"), f"list_tables: {calls.text(tables)[:300]}"
        again = calls.call(server, "list_tables", place)
        assert again["structuredContent"]["cached"] is True, f"not from what is kept: {again['structuredContent']}"
        table = {**place, "table_name": "NAMED"}
        described = calls.call(server, "describe_table", table)
        said = calls.text(described)
        assert not described.get("isError") and "- ID :" in said, f"describe_table: {said[:300]}"
        found = calls.call(server, "search_objects", {"pattern": "named", "database": "DB1"})
        said = calls.text(found)
        assert not found.get("isError") and "DB1.S1.NAMED" in said, f"search_objects: {said[:300]}"
        rows = calls.rows(calls.call(server, "sample_table", {**table, "limit": 1}))
        assert len(rows) == 1, f"sample_table: {rows}"
        profile = calls.call(server, "profile_table", table)
        said = calls.text(profile)
        assert not profile.get("isError") and "2 rows" in said, f"profile_table: {said[:300]}"
        rows = calls.rows(calls.call(server, "query_view", view))
        assert sorted(map(str, (cell for row in rows for cell in row))) == ["1", "2", "None", "ann"], f"rows: {rows}"
        rows = calls.rows(calls.call(server, "execute_query", {"query": "select name from db1.s1.named where id = 1"}))
        assert rows == [["ann"]], f"rows: {rows}"
        failed = calls.call(server, "execute_query", {"query": "select nonsense from db1.s1.named"})
        assert failed.get("isError"), f"an invalid column is no error: {calls.text(failed)[:300]}"
        expected = "PROGRAMMATIC_ACCESS_TOKEN" if with_token else "KEYPAIR_JWT"
        kinds = {entry["headers"].get("x-snowflake-authorization-token-type") for entry in posted(api, "")}
        assert kinds <= {expected, None}, f"token types {kinds}, expected {expected}"


def partitions(context):
    """A long result is read through its partitions: each row once."""
    with served(context, MAX_QUERY_LIMIT=str(ROWS)) as (server, api):
        query = f"select seq4() as n from table(generator(rowcount => {ROWS}))"
        result = calls.call(server, "execute_query", {"query": query, "limit": ROWS})
        numbers = sorted(int(row[0]) for row in calls.rows(result))
        assert numbers == list(range(ROWS)), f"{len(numbers)} rows, {len(set(numbers))} of them different"
        assert result["structuredContent"]["truncated"] is False, "says that it is truncated"
        fetched = [entry for entry in control(api, "log")["requests"] if "partition" in entry["query"]]
        numbers = [entry["query"]["partition"] for entry in fetched]
        assert len(numbers) > 1 and len(set(numbers)) == len(numbers), f"partitions fetched: {numbers}"
        executions = executed(api)
        assert list(executions.values()) == [1], f"executions: {executions}"
        return f"{len(numbers)} partitions fetched"


def lost_answer(context):
    """A statement whose answer is lost is asked for again and runs once."""
    with served(context) as (server, api):
        query = "select /*fault post drop*/ 42 as answer"
        rows = calls.rows(calls.call(server, "execute_query", {"query": query}))
        assert [[str(cell) for cell in row] for row in rows] == [["42"]], f"rows: {rows}"
        executions = executed(api)
        assert list(executions.values()) == [1], f"executions: {executions}"
        retries = [entry["query"].get("retry") for entry in posted(api, "42")]
        assert retries[1:] == ["true"], f"retry parameters: {retries}"


def closed_connection(context):
    """A client that closes its connection ends its statement in Snowflake."""
    with served(context) as (server, api):
        connection = calls.start(server, "execute_query", {"query": "select /*sleep 60*/ 1 as n"})
        wait_until(lambda: posted(api, "sleep 60"), NOTICED_SECONDS_MAX, "the statement reaches Snowflake")
        handle = posted(api, "sleep 60")[0]["handle"]
        connection.close()

        def cancelled():
            paths = [entry["path"] for entry in control(api, "log")["requests"] if entry["method"] == "POST"]
            return f"/api/v2/statements/{handle}/cancel" in paths

        seconds = wait_until(cancelled, NOTICED_SECONDS_MAX, "the cancel reaches Snowflake")
        return f"cancelled after {seconds:.2f} s"


def many_statements(context):
    """Statements that run hold no worker: many more of them than workers end together."""
    with served(context) as (server, _):
        def one(number):
            query = f"select /*sleep {STATEMENT_SECONDS}*/ {number} as n"
            rows = calls.rows(calls.call(server, "execute_query", {"query": query}))
            assert [[str(cell) for cell in row] for row in rows] == [[str(number)]], f"{number} gave {rows}"

        calls.rows(calls.call(server, "execute_query", {"query": "select 1 as n"}))
        begun = time.monotonic()
        with ThreadPoolExecutor(max_workers=STATEMENTS) as pool:
            list(pool.map(one, range(STATEMENTS)))
        seconds = time.monotonic() - begun
        told = f"{STATEMENTS} statements of {STATEMENT_SECONDS} s in {seconds:.1f} s"
        assert seconds < STATEMENTS_SECONDS_MAX, f"{told}, at most {STATEMENTS_SECONDS_MAX} s allowed"
        return told


def drained(context):
    """SIGTERM while calls run: each is answered, and the exit code says so."""
    with served(context) as (server, api):
        def one(number):
            return calls.start(server, "execute_query", {"query": f"select /*sleep 1*/ {number} as n"})

        calls.rows(calls.call(server, "execute_query", {"query": "select 1 as n"}))
        open_calls = [one(number) for number in range(DRAINED_CALLS)]
        wait_until(lambda: len(posted(api, "sleep 1")) >= DRAINED_CALLS, NOTICED_SECONDS_MAX, "all statements arrive")
        server.terminate()
        with ThreadPoolExecutor(max_workers=DRAINED_CALLS) as pool:
            answers = list(pool.map(calls.answer, open_calls))
        numbers = sorted(int(calls.rows(answer)[0][0]) for answer in answers)
        assert numbers == list(range(DRAINED_CALLS)), f"answers: {numbers}"
        code = server.wait()
        assert code == 0, f"exit code {code}; it said: {server.tail()}"
        return f"{len(answers)} answers, exit code {code}"


def contract_tests(name, **variables):
    """Runs the Rust contract tests whose names hold `name`; how many passed."""
    cargo = packages.require("cargo", "none: install Rust with rustup")
    done = subprocess.run(
        [cargo, "test", "--quiet", *packages.CARGO_FEATURES, "--test", "contract", name],
        cwd=packages.REPOSITORY,
        env=dict(os.environ, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"the contract tests failed: {output[-1500:]}"
    passed = sum(int(line.split("ok. ")[1].split()[0]) for line in output.splitlines() if "test result: ok. " in line)
    assert passed > 0, f"no contract test is called {name}"
    return f"{passed} tests"


def vectors(_context):
    """Recorded exchanges of the real service go through the Rust tests that replay them."""
    return contract_tests("recordings")


def live(context):
    """The Rust contract tests, against the SQL API server instead of their own scripted one."""
    api = context.sql_api()
    control(api, "reset", "POST")
    return contract_tests("live", **api.contract_variables())


def checks():
    """Name and function of each check of this module."""
    return [
        ("snowflake tools with a key pair", lambda context: tools(context, with_token=False)),
        ("snowflake tools with a token", lambda context: tools(context, with_token=True)),
        ("snowflake partitions", partitions),
        ("snowflake lost answer", lost_answer),
        ("snowflake closed connection", closed_connection),
        ("snowflake many statements", many_statements),
        ("snowflake drain", drained),
        ("snowflake contract", live),
    ]


def recording_checks():
    """The checks that need the recordings, and nothing that runs."""
    return [("snowflake recordings", vectors)]


def script():
    """The SQL API server's script, when one is named."""
    return os.environ.get("SNOWFLAKE_CONTRACT_SERVER")
