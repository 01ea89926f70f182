// Shows a tool's structured content, and calls the same tools through the host.

const root = document.documentElement;
const main = document.querySelector("main");
const live = main.nextElementSibling;
let input; // arguments of the call
let can; // what the host does
let today;

const calls = [];
const post = (message) => parent.postMessage({ jsonrpc: "2.0", ...message }, "*");
const ask = (method, params) => new Promise((resolve) => post({ id: calls.push(resolve), method, params }));

const received = {
	"tool-input": (params) => (input = params.arguments),
	"tool-result": (result) => show(result),
	"tool-cancelled": () => put(main.lastChild, title("Cancelled"), words("the call was stopped")),
	"host-context-changed": adapt,
};

addEventListener("message", ({ source, data }) => {
	if (source !== parent) return;
	const { id, method, params = {} } = data;
	if (!method) calls[id - 1]?.(data);
	else if (id === undefined) received[method.split("/")[2]]?.(params);
	else post({ id, result: {} }); // a ping, or the end
});

// `light-dark()` needs `color-scheme`, which makes a page opaque.
function adapt({ theme, styles }) {
	if (theme) {
		root.dataset.theme = theme;
		dark.onchange = null;
	}
	const chosen = root.dataset.theme === "dark" ? "$2" : "$1";
	for (const [name, value] of Object.entries(styles?.variables ?? {}))
		root.style.setProperty(name, value.replace(/^light-dark\((.+?), *([a-z]*\(.*\)|[^,()]+)\)$/, chosen));
}

// It holds no words of a lead: the model takes it for the person's.
function tell(text) {
	const content = [{ type: "text", text }];
	if (can.message) ask("ui/message", { role: "user", content });
	else if (can.updateModelContext) ask("ui/update-model-context", { content });
}

async function call(name, given) {
	if (main.ariaBusy === "true") return;
	main.ariaBusy = "true";
	live.textContent = "Asking Rotor…";
	const { result, error } = await ask("tools/call", { name, arguments: given });
	main.ariaBusy = "false";
	live.textContent = "";
	if (result?.structuredContent) return result;
	warn(error ? `No answer came (${error.message}). Look at the lead first.` : textOf(result));
}

// Texts become text nodes: nothing of a lead is read as markup.

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);
const textOf = ({ content }) => content.map(({ text }) => text).join("\n");

function el(kind, ...children) {
	const [tag, className = ""] = kind.split(".");
	const made = Object.assign(document.createElement(tag), { className });
	for (const child of children.flat(9))
		if (child?.constructor === Object) Object.assign(made, child);
		else if (child) made.append(child instanceof Node ? child : cut(`${child}`, 300));
	return made;
}

const title = (text) => el("h1", { tabIndex: -1 }, capital(text));
const words = (...texts) =>
	el("span.words", texts.flat().filter(Boolean).map((text, place) => [place > 0 && " · ", el("bdi", text)]));
const button = (kind, text, onclick) => el(`button.${kind}`, { onclick }, text);
const list = (kind, items) => items?.length && el(`ul.${kind}`, items.map((item) => el("li", item)));

function warn(text) {
	main.querySelector(".problem")?.remove();
	main.querySelector("h1").after(el("p.problem", { role: "alert", textContent: cut(text, 2000) }));
}

function put(old, ...nodes) {
	const made = el("section", nodes);
	old.replaceWith(made);
	main.ariaBusy = "false";
	return made;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const label = (field) => capital(field.replace(/^(address|projected)_|_(date|type|at)$/g, "").replaceAll("_", " "));
const number = (value) => value.toLocaleString("en-US", { minimumFractionDigits: value % 1 ? 2 : 0 });
const counted = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
const money = (value = "") => value !== "" && `$${number(value)}`;

function day(text) {
	const at = new Date(`${text.slice(0, 10)}T12:00`);
	const short = at.toDateString().replace(" 0", " ").replace(` ${today.slice(0, 4)}`, "");
	return isNaN(at) ? text : short + text.slice(10);
}

function due({ follow_up_date: date, overdue_days: late }) {
	if (late) return el("b.late", `${counted(late, "day")} overdue`, date && ` (${day(date)})`);
	return late === 0 ? el("b.due", "follow up today") : date && `follow up ${day(date)}`;
}

function shown(field, value = "") {
	if (field === "projected_value") return money(value);
	return /_(date|at)$/.test(field) ? day(value) : [value].flat().join(", ");
}

function search(data) {
	const { leads, count = leads.length } = data;
	if (leads.length === 1 && count === 1 && !data.counts) return card({ lead: leads[0] });
	const rows = groups(data).flatMap(([name, own]) => [name && el("h2", name, ` (${own.length})`), ...own.map(row)]);
	const first = 8; // more would scroll inside the chat
	return [
		title(count ? counted(count, "lead") : "No lead matches"),
		words(
			Object.entries(data.filters ?? {}).map(([name, value]) => `${label(name)}: ${shown("", value)}`),
			leads.length % count ? `${leads.length} shown` : "",
			data.value && `${money(data.value)} in all`,
			data.looked_at && `only the newest ${number(data.looked_at)} were read`,
			data.rotor_alone && "other spellings were not tried",
			`as of ${day(today)}`,
		),
		data.counts && bars(data),
		rows.slice(0, first),
		rows.length > first && el("details", el("summary", "The others"), rows.slice(first)),
	];
}

// By what duplicates share, or by stage, the most used first.
function groups({ leads, groups: shared, counted_by: by, counts }) {
	if (shared) return shared.map((group) => [group.shared.join(", "), leads.splice(0, group.leads)]);
	const found = [...Map.groupBy(leads, ({ stage = "" }) => stage)];
	const used = by?.[0] === "stage" ? counts : [];
	const use = ([stage, own]) => stage && (used.find(({ name }) => name === stage)?.count ?? own.length);
	found.sort((one, other) => use(other) - use(one));
	return found.map(([stage, own]) => [stage || (found.length > 1 && "No stage"), own]);
}

function row(lead) {
	const { id, name, phone, email } = lead;
	const content = [
		el("b", name ?? phone ?? email ?? "No name"),
		el("span", money(lead.projected_value)),
		words(
			[lead.outcome, lead.changed, due(lead), lead.priority === "high" && "high priority"],
			[name && (phone ?? email), lead.address_city, lead.service_type, lead.archived && "archived"],
		),
	];
	return id ? button("row", content, () => open(id)) : el("div.row", content);
}

function bars({ counts, counted_by: by, others }) {
	const most = Math.max(...counts.map(({ count }) => count));
	const rest = others && { ...others, name: `${others.name} others` };
	const items = counts.concat(rest ?? []).map(({ name, count, value, parts = {} }) => [
		{ style: `--share: ${(100 * count) / most}%` },
		el("span", name || "none"),
		el("span", number(count), value && ` · ${money(value)}`),
		words(Object.entries(parts).map(([other, [amount]]) => `${other} ${number(amount)}`)),
	]);
	return [el("h2", `By ${by.join(" and ").replace(/_/g, " ")}`), list("bars", items)];
}

function card({ lead, notes_go_on_at: more }) {
	const { phone, email, notes = "" } = lead;
	const address = ["street1", "street2", "city", "state", "zip"].map((part) => lead[`address_${part}`]);
	const known = { ...lead, address: address.filter(Boolean).join(", ") };
	const fields = ["projected_value", "service_type", "source", "tags", "address", "created_at"];
	return [
		title(lead.name ?? "No name"),
		words(lead.stage, due(lead), lead.priority && `${lead.priority} priority`, lead.archived && "archived"),
		el(
			"div.actions",
			phone && link(phone, `tel:${phone.replace(/[a-z].*|[^+\d]/gi, "")}`),
			email && link(email, `mailto:${encodeURIComponent(email).replace("%40", "@")}`),
		),
		el("dl", fields.map((field) => known[field] && [el("dt", label(field)), el("dd", shown(field, known[field]))])),
		notes && [
			el("h2", "Notes"),
			words("words of customers and staff", (more || notes.length > 600) && "the beginning"),
			el("blockquote", { textContent: cut(notes, 600) }),
		],
	];
}

function link(text, href) {
	const onclick = async (event) => {
		event.preventDefault(); // only the host can open it
		const { result, error } = await ask("ui/open-link", { url: href });
		if (error || result.isError) warn(`This app does not open ${text}. Copy it instead.`);
	};
	return el("a.button", { href, onclick }, text);
}

async function open(id) {
	const from = document.activeElement;
	const result = await call("get_lead", { id });
	const before = main.lastChild;
	if (result) show(result, before, button("", "Back", () => from.focus(main.replaceChildren(before))));
}

function write(data, tool = "upsert_lead", given = { confirm: data.confirm }) {
	const { outcome, id, confirm, matched_by: by, changes = [], tags_added: tags, kept = [], reasons = [] } = data;
	const waits = outcome === "needs_confirmation" || data.dry_run;
	const who = data.name ?? (data.row ? `row ${data.row}` : "no name");
	const rows = [
		...changes.map(({ field, before, after }) => [label(field), shown(field, before), shown(field, after)]),
		...(tags ? [["Tags", "", `+ ${tags}`]] : []),
		...kept.map(({ field, value }) => [label(field), shown(field, value), "stays"]),
	];
	const line = (tag, [field, before, after]) =>
		el("tr", el(tag, field), outcome !== "created" && el(tag, before), el(tag, after));
	return [
		title(waits ? `${id ? "Change" : "Enter"} ${who}?` : `${outcome}: ${who}`),
		words(by && `found by ${by}`, data.archived && "archived"),
		list("reasons", reasons.concat(data.evidence ?? []).map(capital)),
		rows.length && el("table", line("th", ["Field", "Now", "After"]), rows.map((texts) => line("td", texts))),
		data.candidates && [el("h2", "Who else it could be"), data.candidates.map(row)],
		list("remarks", data.warnings?.map(capital)),
		waits && confirm && decide(confirm, tool, { ...input, ...given, dry_run: false }),
	];
}

function decide(confirm, tool, given) {
	if (!input || !can.serverTools || "readOnly" in root.dataset) return words("to go ahead, tell the assistant");
	const apply = async ({ target }) => {
		const result = await call(tool, given);
		if (!result) return;
		const { outcome, counts } = result.structuredContent;
		show(result, target.closest("section"), "");
		if (outcome === "needs_confirmation") warn("Not applied. This is the plan now.");
		tell(`I pressed Apply for plan ${confirm} in the view: ${outcome ?? Object.keys(counts)}.`);
	};
	const cancel = ({ target }) => {
		put(target.closest("section"), title("Cancelled"), words("nothing was written")).firstChild.focus();
		tell(`I cancelled plan ${confirm} in the view. Nothing was written.`);
	};
	return el("div.actions", button("main", "Apply", apply), button("", "Cancel", cancel));
}

function batch(data) {
	const waiting = (one) => {
		const rows = (one.rows ?? [one.row]).map((place) => ({ ...input?.rows?.[place - 1], confirm: one.confirm }));
		return el("section", write(one, "upsert_leads", { ids: [], rows }));
	};
	return [
		title(Object.entries(data.counts).map(([outcome, size]) => `${size} ${outcome.replace("_", " ")}`).join(", ")),
		words(
			data.dry_run && "nothing was written",
			data.not_shown && `no room for rows ${data.not_shown}`,
			data.not_sent && `not sent: rows ${data.not_sent}`,
		),
		data.attention?.map(waiting),
		data.rows?.map(row),
		list("remarks", [...(data.changed ?? []), ...(data.warnings ?? [])].map(capital)),
	];
}

// After an error, nothing of before stays in sight.
function show(result, old = main.lastChild, ...first) {
	const data = result.structuredContent;
	const made = put(old, first);
	try {
		today = data.today;
		made.append(el("div", (data.lead ? card : data.leads ? search : data.counts ? batch : data.outcome && write)(data)));
	} catch {
		made.append(title("That did not work"));
		warn(textOf(result));
	}
	if (first.length) made.querySelector("h1").focus();
}

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.onchange = () => (root.dataset.theme = dark.matches ? "dark" : "light");
dark.onchange();
const about = { protocolVersion: "2026-01-26", appInfo: { name: "rotor", version: "1" }, appCapabilities: {} };
const { result } = await ask("ui/initialize", about);
can = result.hostCapabilities;
adapt(result.hostContext ?? {});
post({ method: "ui/notifications/initialized" });
new ResizeObserver(() =>
	post({ method: "ui/notifications/size-changed", params: { height: root.offsetHeight } }),
).observe(root);
