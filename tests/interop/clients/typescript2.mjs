// The TypeScript SDK 2.x: typescript2.mjs MODE http URL | MODE stdio COMMAND…
// MODE is legacy, auto or a revision to pin. Prints one JSON object: what was negotiated, listed and answered.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const [mode, kind, ...target] = process.argv.slice(2);
const wanted = JSON.parse(process.env.CALL);

const transport =
  kind === 'http'
    ? new StreamableHTTPClientTransport(new URL(target[0]))
    : new StdioClientTransport({ command: target[0], args: target.slice(1) });
const named = ['legacy', 'auto'].includes(mode) ? mode : { pin: mode };

const client = new Client(
  { name: 'interop-typescript2', version: '1' },
  { capabilities: {}, versionNegotiation: { mode: named } },
);
await client.connect(transport);
const { tools } = await client.listTools();
const result = await client.callTool(wanted);
const revision = client.getNegotiatedProtocolVersion();
await client.close();
console.log(JSON.stringify({ revision, tools: tools.map((tool) => tool.name), result }));
