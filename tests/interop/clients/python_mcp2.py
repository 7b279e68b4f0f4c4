"""The Python SDK 2.x: python_mcp2.py MODE http URL | MODE stdio COMMAND…

MODE is legacy, auto or a revision. Prints one JSON object: what was negotiated, listed and answered."""

import json
import os
import sys

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters


async def main():
    mode, kind, *target = sys.argv[1:]
    wanted = json.loads(os.environ["CALL"])
    if kind == "http":
        server = target[0]
    else:
        server = StdioServerParameters(command=target[0], args=target[1:])
    async with Client(server, mode=mode) as client:
        listed = await client.list_tools()
        result = await client.call_tool(wanted["name"], wanted["arguments"])
        seen = {
            "revision": client.protocol_version,
            "tools": [tool.name for tool in listed.tools],
            "result": result.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
    print(json.dumps(seen))


anyio.run(main)
