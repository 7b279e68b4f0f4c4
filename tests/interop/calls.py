"""Tool calls over raw HTTP, as revision 2026-07-28 writes them, where a check needs many at once or a socket in its
hand. Third-party clients are asked everywhere else."""

import http.client
import itertools
import json

REVISION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
NUMBERS = itertools.count(1)


def request(tool, arguments):
    """Headers and body of one tools/call."""
    meta = {f"{PREFIX}protocolVersion": REVISION, f"{PREFIX}clientCapabilities": {}}
    message = {
        "jsonrpc": "2.0",
        "id": next(NUMBERS),
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta},
    }
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return headers, json.dumps(message).encode()


def start(server, tool, arguments, seconds=60):
    """A connection on which the call was sent and not answered yet."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=seconds)
    headers, body = request(tool, arguments)
    connection.request("POST", "/mcp", body, headers)
    return connection


def answer(connection):
    """The result of the call that was sent on `connection`, which is closed then."""
    try:
        response = connection.getresponse()
        status, text = response.status, response.read()
    finally:
        connection.close()
    assert status == 200, f"status {status}: {text[:300]!r}"
    message = json.loads(text)
    assert "result" in message, f"no result: {text[:300]!r}"
    return message["result"]


def call(server, tool, arguments, seconds=60):
    """The result of one call."""
    return answer(start(server, tool, arguments, seconds))


def rows(result):
    """The rows of a result that is no error."""
    assert not result.get("isError"), f"the tool failed: {text(result)[:500]}"
    return result["structuredContent"]["rows"]


def text(result):
    """All text of a result."""
    return "\n".join(block.get("text", "") for block in result.get("content", []))


def get(host, port, path, method="GET", body=None, headers=None, seconds=60):
    """Status, headers and body of a plain request."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()
