// The reference implementation of the host's side: `AppBridge`, with the client of the newest protocol.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import {
	AppBridge,
	PostMessageTransport,
	RESOURCE_MIME_TYPE,
	getToolUiResourceUri,
} from "@modelcontextprotocol/ext-apps/app-bridge";

const EXTENSION = "io.modelcontextprotocol/ui";
const info = { name: "app-bridge", version: "1.0.0" };

export async function show(chat, handlers, place) {
	const client = new Client(info, {
		capabilities: { extensions: { [EXTENSION]: { mimeTypes: [RESOURCE_MIME_TYPE] } } },
		...(chat.protocol && { versionNegotiation: { mode: chat.protocol } }),
	});
	await client.connect(new StreamableHTTPClientTransport(new URL(chat.server)));
	const { tools } = await client.listTools();
	const tool = tools.find(({ name }) => name === chat.tool);
	const uri = getToolUiResourceUri(tool);
	const { contents } = await client.readResource({ uri });
	const [{ text: html, mimeType, _meta }] = contents;
	if (mimeType !== RESOURCE_MIME_TYPE) throw new Error(`not a page: ${mimeType}`);

	const frame = document.createElement("iframe");
	const sandbox = new URL(chat.sandbox);
	sandbox.searchParams.set("csp", JSON.stringify(_meta.ui.csp));
	frame.src = sandbox;
	place.append(frame);

	const bridge = new AppBridge(null, info, chat.capabilities, { hostContext: { toolInfo: { tool }, ...chat.context } });
	const ready = new Promise((resolve) => (bridge.onsandboxready = resolve));
	const initialized = new Promise((resolve) => (bridge.oninitialized = resolve));
	bridge.onsizechange = (size) => {
		handlers.size(size);
		frame.style.height = `${size.height}px`;
	};
	bridge.onmessage = handlers.message;
	bridge.onupdatemodelcontext = handlers.context;
	bridge.onopenlink = handlers.link;
	bridge.oncalltool = handlers.call((params) => client.callTool(params));
	await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
	await ready;
	await bridge.sendSandboxResourceReady({ html });
	await initialized;
	const host = {
		protocol: client.getNegotiatedProtocolVersion?.(),
		result: (result) => bridge.sendToolResult(result),
		cancel: (reason) => bridge.sendToolCancelled({ reason }),
		context: (context) => bridge.setHostContext({ ...chat.context, ...context }),
		teardown: () => bridge.teardownResource({}),
	};
	if (chat.arguments) await bridge.sendToolInput({ arguments: chat.arguments });
	if (chat.result) await host.result(chat.result);
	else if (chat.arguments) await host.result(await client.callTool({ name: chat.tool, arguments: chat.arguments }));
	return host;
}
