"""The Python SDK 1.x, the last with WebSocket: python_mcp1.py http URL | websocket URL | stdio COMMAND…

Prints one JSON object: what was negotiated, listed and answered."""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import anyio
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.client.websocket import websocket_client


def transport(kind, target):
    if kind == "http":
        return streamablehttp_client(target[0])
    if kind == "websocket":
        return websocket_client(target[0])
    return stdio_client(StdioServerParameters(command=target[0], args=target[1:]))


async def main():
    kind, *target = sys.argv[1:]
    wanted = json.loads(os.environ["CALL"])
    async with transport(kind, target) as streams, ClientSession(streams[0], streams[1]) as session:
        greeted = await session.initialize()
        listed = await session.list_tools()
        result = await session.call_tool(wanted["name"], wanted["arguments"])
        await session.send_ping()
        seen = {
            "revision": greeted.protocolVersion,
            "tools": [tool.name for tool in listed.tools],
            "result": result.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
    print(json.dumps(seen))


anyio.run(main)
