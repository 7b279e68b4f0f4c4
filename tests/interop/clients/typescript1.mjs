// The TypeScript SDK 1.x: typescript1.mjs http URL | websocket URL | ws URL | stdio COMMAND…
// websocket is Node's own implementation, ws the package of that name.
// Prints one JSON object: what was negotiated, listed and answered.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { WebSocketClientTransport } from '@modelcontextprotocol/sdk/client/websocket.js';

const [kind, ...target] = process.argv.slice(2);
const wanted = JSON.parse(process.env.CALL);
if (kind === 'ws') globalThis.WebSocket = (await import('ws')).default;

const transport = {
  http: () => new StreamableHTTPClientTransport(new URL(target[0])),
  websocket: () => new WebSocketClientTransport(new URL(target[0])),
  ws: () => new WebSocketClientTransport(new URL(target[0])),
  stdio: () => new StdioClientTransport({ command: target[0], args: target.slice(1) }),
}[kind]();

// What was negotiated is told to the transport, if it wants to hear it.
let revision;
const tell = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (version) => {
  revision = version;
  tell?.(version);
};

const client = new Client({ name: 'interop-typescript1', version: '1' }, { capabilities: {} });
await client.connect(transport);
const { tools } = await client.listTools();
const result = await client.callTool(wanted);
await client.ping();
if (kind === 'http') await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ revision, tools: tools.map((tool) => tool.name), result }));
