// The TypeScript SDK's client talks to this server: node tests/interop/typescript.mjs COMMAND ARGUMENT…
// It validates structured results against the output schemas by itself.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, ...args] = process.argv.slice(2);
const jane = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e";
const client = new Client({ name: "typescript", version: "1.0.0" });
await client.connect(new StdioClientTransport({ command, args }));

const { tools } = await client.listTools();
assert.deepEqual(
  tools.map((tool) => tool.name),
  ["upsert_lead", "upsert_leads", "search_leads", "get_lead"],
);
const call = async (name, given) => (await client.callTool({ name, arguments: given })).structuredContent;
assert.equal((await call("upsert_lead", { name: "Dana", phone: "555-0142" })).outcome, "created");
const rows = [{ phone: "5550142", stage: "Won" }, {}];
assert.deepEqual((await call("upsert_leads", { rows })).counts, {
  updated: 1,
  invalid: 1,
});
assert.equal((await call("search_leads", { search: "doe" })).leads[0].id, jane);
assert.equal((await call("get_lead", { id: jane })).lead.name, "Jane Doe");
const refused = await client.callTool({ name: "get_lead", arguments: { id: "Jane" } });
assert.equal(refused.isError, true);
assert.match(refused.content[0].text, /not a lead id/);

assert.equal((await client.listPrompts()).prompts.length, 3);
const { contents } = await client.readResource({ uri: "rotor://pipeline" });
assert.match(contents[0].text, /^\d+ leads; archived ones left out/);
const { completion } = await client.complete({
  ref: { type: "ref/prompt", name: "follow_ups" },
  argument: { name: "stage", value: "quo" },
});
assert.deepEqual(completion.values, ["Quoted"]);
await client.close();
console.log("TypeScript SDK: all well");
