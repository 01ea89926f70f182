// `AppRenderer` of mcp-ui, a host that others build on, with the client of the older protocol.

import { AppRenderer } from "@mcp-ui/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const EXTENSION = "io.modelcontextprotocol/ui";

export async function show(chat, handlers, place) {
	const client = new Client(
		{ name: "mcp-ui", version: "1.0.0" },
		{ capabilities: { extensions: { [EXTENSION]: { mimeTypes: ["text/html;profile=mcp-app"] } } } },
	);
	await client.connect(new StreamableHTTPClientTransport(new URL(chat.server)));
	const { tools } = await client.listTools();
	const tool = tools.find(({ name }) => name === chat.tool);
	const root = createRoot(place);
	const properties = {
		toolName: chat.tool,
		toolResourceUri: tool._meta.ui.resourceUri,
		onReadResource: (params) => client.readResource(params),
		sandbox: { url: new URL(chat.sandbox), csp: { connectDomains: [], resourceDomains: [] } },
		hostCapabilities: chat.capabilities,
		hostContext: chat.context,
		toolInput: chat.arguments,
		onMessage: handlers.message,
		onOpenLink: handlers.link,
		onCallTool: handlers.call((params) => client.callTool(params)),
		onSizeChanged: handlers.size,
		onFallbackRequest: ({ params }) => handlers.context(params),
		onError: (error) => window.asked.push(["error", String(error)]),
	};
	const render = (changed) => root.render(createElement(AppRenderer, Object.assign(properties, changed)));
	render();
	const host = {
		result: (toolResult) => render({ toolResult }),
		cancel: () => render({ toolCancelled: true }),
		context: (context) => render({ hostContext: { ...chat.context, ...context } }),
	};
	if (chat.result) host.result(chat.result);
	else if (chat.arguments)
		host.result(await client.callTool({ name: chat.tool, arguments: chat.arguments }));
	return host;
}
