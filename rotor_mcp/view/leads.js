// Shows a tool's result from its structured content, and calls the same tools through the host.

const root = document.documentElement;
const main = document.querySelector("main");
let input; // arguments of the call that is shown
let can = {}; // what the host does for this page

// The host

const calls = [];
const post = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const request = (method, params) => new Promise((resolve) => post({ id: calls.push(resolve), method, params }));

const received = {
	"tool-input": (params) => (input = params.arguments ?? {}),
	"tool-result": (result) => show(result),
	"tool-cancelled": () => fill(main, title("Cancelled"), words("The call was stopped")),
	"host-context-changed": adapt,
};

addEventListener("message", ({ source, data }) => {
	if (source !== parent || !data) return;
	const { id, method, params = {} } = data;
	if (!method) calls[id - 1]?.(data);
	else if (id === undefined) received[method.split("/")[2]]?.(params);
	else post({ id, result: {} }); // a ping, or the end of this page
});

// The browser resolves `light-dark()` by `color-scheme`, which would make the page opaque.
function adapt({ theme, styles }) {
	if (theme) root.dataset.theme = theme;
	const chosen = root.dataset.theme === "dark" ? "$2" : "$1";
	for (const [name, value] of Object.entries(styles?.variables ?? {}))
		root.style.setProperty(name, value.replace(/^light-dark\((.+?), *([a-z]*\(.*\)|[^,()]+)\)$/, chosen));
}

// What the person did. It names no lead: it is read as the person's own words.
function tell(text) {
	const content = [{ type: "text", text }];
	if (can.message) request("ui/message", { role: "user", content });
	else if (can.updateModelContext) request("ui/update-model-context", { content });
}

async function call(name, given) {
	if (main.ariaBusy === "true") return undefined;
	wait("true", "Asking Rotor…");
	const { result = {}, error } = await request("tools/call", { name, arguments: given });
	wait("false", "");
	if (result.structuredContent) return result;
	warn(error ? `No answer came (${error.message}). Look at the lead before you try again.` : textOf(result));
	return undefined;
}

function wait(busy, text) {
	main.ariaBusy = busy;
	main.nextElementSibling.textContent = text;
}

// Elements. A text becomes a text node: nothing that a lead holds is read as markup.

const cut = (text, most = 300) => (text.length > most ? `${text.slice(0, most)}…` : text);
const textOf = ({ content = [] }) => content.map(({ text }) => text).join("\n");

function el(kind, ...children) {
	const [tag, className = ""] = kind.split(".");
	const made = Object.assign(document.createElement(tag), { className });
	for (const child of children.flat(9))
		if (child?.constructor === Object) Object.assign(made, child);
		else if (child) made.append(child instanceof Node ? child : cut(`${child}`));
	return made;
}

const fill = (into, ...nodes) => into.replaceChildren(el("div", nodes));
const title = (text, tag = "h1") => el(tag, { tabIndex: -1 }, text);
const words = (...texts) => el("span.words", texts.flat().map((text) => text && el("span", text)));
const button = (kind, text, onclick) => el(`button.${kind}`, { type: "button", onclick }, text);
const list = (kind, items = []) => items.length && el(`ul.${kind}`, items.map((item) => el("li", item)));
const problem = (text) => el("p.problem", { role: "alert", textContent: cut(text, 2000) });

function warn(text) {
	main.querySelector(".problem")?.remove();
	main.prepend(problem(text));
}

// Words

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const label = (field) => capital(field.replace(/^(address|projected)_|_(date|type|at)$/g, "").replaceAll("_", " "));
const number = (value) => value.toLocaleString("en-US", { minimumFractionDigits: value % 1 ? 2 : 0 });
const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
const money = (value) => value !== undefined && `$${number(value)}`;

function day(text) {
	const at = new Date(`${text.slice(0, 10)}T12:00Z`);
	const form = { timeZone: "UTC", weekday: "short", month: "short", day: "numeric", year: "numeric" };
	return isNaN(at) ? text : at.toLocaleString("en-US", form) + text.slice(10);
}

function due({ follow_up_date: date, overdue_days: late }) {
	if (late) return el("span.late", `${counted(late, "day")} overdue (${day(date)})`);
	return late === 0 ? el("span.due", "follow up today") : date && `follow up ${day(date)}`;
}

function shown(field, value = "none") {
	if (field === "projected_value") return money(value);
	return /_(date|at)$/.test(field) ? day(value) : `${value}`;
}

// Searches

function search(data) {
	const { leads, count = leads.length, cursor } = data;
	if (leads.length === 1 && count === 1 && !data.counts) return card(data, leads[0]);
	const filters = Object.entries(data.filters ?? {}).map(([name, value]) => `${label(name)}: ${value}`);
	const of = leads.length && leads.length < count ? `${leads.length} of ` : "";
	let before = 0;
	return [
		title(count ? of + counted(count, "lead") : "No lead matches"),
		words(
			filters,
			data.value && `${money(data.value)} in all`,
			data.looked_at && `only the newest ${number(data.looked_at)} were looked at`,
			data.rotor_alone && "other spellings were not looked for",
			`as of ${day(data.today)}`,
		),
		data.counts && bars(data),
		groups(data).map(([name, own]) => {
			const open = before < 8; // with more rows, there would be two things to scroll
			before += own.length;
			const rows = list("rows", own.map(row));
			return name ? el("details", { open }, el("summary", el("h2", name, ` (${own.length})`)), rows) : rows;
		}),
		cursor && input && button("", "More leads", () => open("search_leads", { ...input, cursor })),
	];
}

// By what duplicates share; else by stage, the one in most use first, as far as the result tells.
function groups({ leads, groups: shared, counted_by: by, counts }) {
	if (shared) return shared.map((group) => [group.shared.join(", "), leads.splice(0, group.leads)]);
	const found = [...Map.groupBy(leads, ({ stage = "" }) => stage)];
	const used = by?.[0] === "stage" ? counts : [];
	const use = ([stage, own]) => stage && (used.find(({ name }) => name === stage)?.count ?? own.length);
	const sorted = found.sort((one, other) => use(other) - use(one));
	return sorted.map(([stage, own]) => [stage || (found.length > 1 && "No stage"), own]);
}

function row(lead) {
	const { id, name, phone, email, outcome, changed } = lead;
	const content = [
		el("b", name ?? phone ?? email ?? "No name"),
		el("span.value", money(lead.projected_value)),
		words(
			[outcome, changed, due(lead), lead.priority === "high" && "high priority", name && (phone ?? email)],
			[lead.address_city, lead.service_type, lead.archived && "archived"],
		),
	];
	return id ? button("row", content, () => open("get_lead", { id })) : el("div.row", content);
}

function bars({ counts, counted_by: by, others }) {
	const most = Math.max(...counts.map(({ count }) => count));
	const rest = others ? [{ ...others, name: `${others.name} others` }] : [];
	const items = [...counts, ...rest].map(({ name, count, value, parts = {} }) => [
		{ style: `--share: ${(100 * count) / most}%` },
		el("span", name || "none"),
		el("span.value", number(count), value && ` · ${money(value)}`),
		words(Object.entries(parts).map(([other, [amount]]) => `${other} ${number(amount)}`)),
	]);
	return [el("h2", `By ${by.map(label).join(" and ").toLowerCase()}`), list("bars", items)];
}

// One lead

function card({ notes_go_on_at: more }, lead) {
	const { phone, email, notes = "" } = lead;
	const address = ["street1", "street2", "city", "state", "zip"].map((part) => lead[`address_${part}`]);
	const known = { ...lead, address: address.filter(Boolean).join(", ") };
	const fields = ["projected_value", "service_type", "source", "tags", "address", "created_at"];
	return [
		title(lead.name ?? "No name"),
		words(lead.stage, due(lead), lead.priority && `${lead.priority} priority`, lead.archived && "archived"),
		el(
			"p.actions",
			phone && link(phone, `tel:${phone.replace(/[a-z].*|[^+\d]/gi, "")}`),
			email && link(email, `mailto:${encodeURIComponent(email).replace("%40", "@")}`),
		),
		el("dl", fields.map((field) => known[field] && [el("dt", label(field)), el("dd", shown(field, known[field]))])),
		notes && [el("h2", "Notes"), words("Words of customers and staff"), el("blockquote", { textContent: cut(notes, 600) })],
		(more || notes.length > 600) && words("They go on: ask for the rest"),
	];
}

function link(text, href) {
	const onclick = async (event) => {
		event.preventDefault(); // only the host can open it
		const { result, error } = await request("ui/open-link", { url: href });
		if (error || result?.isError) warn(`This app does not open ${text}. Copy it instead.`);
	};
	return el("a.button", { href, onclick }, text);
}

async function open(name, given) {
	const before = main.firstChild;
	const from = document.activeElement;
	const result = await call(name, given);
	if (result) show(result, main, button("", "Back", () => from.focus(main.replaceChildren(before))));
}

// Writes: what was done, or the plan that waits

function write(data, tool, given, into = main) {
	const { outcome, id, matched_by: by, changes = [], tags_added: tags, kept = [], reasons = [] } = data;
	const waits = outcome === "needs_confirmation" || data.dry_run;
	const who = data.name ?? (data.row ? `row ${data.row}` : "a lead without a name");
	const rows = changes.map(({ field, before, after }) => [label(field), shown(field, before), shown(field, after)]);
	if (tags) rows.push(["Tags", "", `+ ${tags.join(", ")}`]);
	rows.push(...kept.map(({ field, value }) => [label(field), shown(field, value), "stays"]));
	const line = (tag, [field, before, after]) => el("tr", el(tag, field), id && el(tag, before), el(tag, after));
	return [
		title(waits ? `${id ? "Change" : "Enter"} ${who}?` : `${capital(outcome)}: ${who}`, into === main ? "h1" : "h2"),
		words(by && by !== "id" && `found by ${by}`, data.archived && "archived"),
		list("reasons", [...reasons, data.evidence ?? []].flat().map(capital)),
		rows.length && el("table", line("th", ["Field", "Now", "After"]), rows.map((texts) => line("td", texts))),
		data.candidates && [el("h2", "Who else it could be"), list("rows", data.candidates.map(row))],
		list("remarks", data.warnings?.map(capital)),
		waits && data.confirm && decide(tool, { ...given, dry_run: false }, into),
	];
}

function decide(tool, given, into) {
	if (!input || !can.serverTools || "readOnly" in root.dataset) return words("To go ahead, tell the assistant");
	const apply = async () => {
		const result = await call(tool, given);
		if (!result) return;
		const { outcome, counts } = result.structuredContent;
		const stale = outcome === "needs_confirmation" && problem("Not applied: the lead has changed. This is the new plan.");
		show(result, into, stale);
		tell(`I pressed Apply in the view. Outcome: ${outcome ?? Object.keys(counts)}.`);
	};
	const cancel = () => {
		fill(into, title("Cancelled"), words("Nothing was written"));
		tell(`I pressed Cancel in the view: the plan ${given.confirm} is not approved, nothing was written.`);
	};
	return el("p.actions", button("main", "Apply", apply), button("", "Cancel", cancel));
}

function batch({ counts, attention = [], rows = [], not_shown: hidden, not_sent: unsent, changed = [], warnings = [] }) {
	const given = [...(input?.rows ?? []), ...(input?.ids ?? []).map((id) => ({ id }))];
	return [
		title(Object.entries(counts).map(([outcome, size]) => `${size} ${outcome.replaceAll("_", " ")}`).join(", ")),
		words(hidden && `no room for rows ${hidden}`, unsent && `not sent: rows ${unsent}`),
		attention.map((one) => {
			const into = el("section");
			const own = (one.rows ?? [one.row]).map((place) => ({ ...given[place - 1], confirm: one.confirm }));
			fill(into, write(one, "upsert_leads", { ...input, ids: [], rows: own }, into));
			return into;
		}),
		list("rows", rows.map(row)),
		list("remarks", [...changed, ...warnings].map(capital)),
	];
}

// A result that cannot be shown is said to be so: what was there before must not be taken for it.
function show(result, into = main, ...first) {
	const data = result.structuredContent;
	let nodes;
	try {
		if (!data) nodes = [title("That did not work"), problem(textOf(result))];
		else if (data.lead) nodes = card(data, data.lead);
		else if (data.leads) nodes = search(data);
		else if (data.counts) nodes = batch(data);
		else nodes = write(data, "upsert_lead", { ...input, confirm: data.confirm });
	} catch {
		nodes = [title("This cannot be shown here"), words("The assistant has it as text")];
	}
	fill(into, first, nodes);
	main.ariaBusy = "false";
	if (first.length) into.querySelector("[tabindex]").focus();
}

root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const page = { protocolVersion: "2026-01-26", appInfo: { name: "rotor-leads", version: "1" }, appCapabilities: {} };
const { result: host = {} } = await request("ui/initialize", page);
can = host.hostCapabilities ?? {};
adapt(host.hostContext ?? {});
post({ method: "ui/notifications/initialized" });
new ResizeObserver(() => {
	const height = Math.ceil(root.getBoundingClientRect().height);
	post({ method: "ui/notifications/size-changed", params: { height } });
}).observe(root);
