// A chat of one tool call, in one of two hosts: the tests say which, and read what the host was asked to do.

import * as appBridge from "./app_bridge.js";
import * as mcpUi from "./mcp_ui.js";

const hosts = { "app-bridge": appBridge, "mcp-ui": mcpUi };

/** What the page asked of the host, in order: [kind, params]. */
window.asked = [];
const noted = (kind, answer = {}) => async (params) => {
	window.asked.push([kind, params]);
	return typeof answer === "function" ? answer(params) : answer;
};

/**
 * Call a tool, and show its result.
 *
 * `chat` has `host`, `server`, `sandbox`, `tool`, `arguments`, `context`, `capabilities`, and instead of a call
 * perhaps a `result`. `refuses` names what the host does not do.
 */
window.show = async (chat) => {
	const handlers = {
		message: noted("message"),
		context: noted("context"),
		link: noted("link", () => {
			if (chat.refuses?.includes("link")) throw new Error("links are not opened here");
			return {};
		}),
		call: (callTool) =>
			noted("call", (params) => {
				if (chat.refuses?.includes("call")) throw new Error("the user said no");
				return callTool(params);
			}),
		size: noted("size"),
	};
	window.host = await hosts[chat.host].show(chat, handlers, document.querySelector("#chat"));
};
