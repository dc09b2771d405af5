// Messages as elements. Every word becomes a text node: nothing that anybody sent is ever read as markup.

const MARKS = { pass: "✓", fail: "✗", warn: "!", unknown: "?", skipped: "–", running: "…" };
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;
const COMMAND =
  /(openssl s_client [^\n]*?<\/dev\/null|dig \+short (?:\+cd )?[A-Z]+ [A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?(?: ; dig \+short (?:\+cd )?[A-Z]+ [A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?)?|nslookup (?:-type=[a-z]+ )?[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?|nc -vz [A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])? \d+|telnet [A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])? \d+|Test-NetConnection [A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])? -Port \d+|python -m bot [a-z]+(?: --[a-z-]+)*|(?:Get|Set|New)-[A-Z][A-Za-z]+ [^\n]+)/;
const MOST_FOREIGN = 1000;

/** An element with attributes and children; strings become text, without control and direction characters. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  const shown = children.filter((child) => child !== null && child !== undefined);
  element.append(...shown.map((child) => (typeof child === "string" ? child.replace(INVISIBLE, "") : child)));
  return element;
}

/** Foreign words are shown, but not endlessly. */
function foreign(text, most = MOST_FOREIGN) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** A phrase of the reader's language with its placeholders filled. */
function filled(phrase, values) {
  return phrase.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The blocks of a message. `page` gives words and takes what the person does. */
export function blocks(list, page) {
  if (page.finished) return [folded(list, page)];
  return list.map((block) => RENDER[block.type]?.(block, page)).filter(Boolean);
}

/** A check that is over: its steps stand in the report, so here they are folded away. */
function folded(list, page) {
  const [first, ...rest] = list;
  return make("details", { class: "past" }, make("summary", {}, first.text), ...blocks(rest, { ...page, finished: false }));
}

const RENDER = {
  Text: (block, page) =>
    block.style === "title" ? make("h3", {}, block.text) : prose(block.text, page, { class: block.style === "note" ? "note" : null }),
  Untrusted: (block, page) =>
    page.person
      ? make("p", { class: "said" }, foreign(block.text, 20000))
      : make("figure", { class: "foreign" }, make("figcaption", {}, block.label), make("pre", { dir: "auto" }, foreign(block.text))),
  Fields: (block) => make("dl", { class: "fields" }, ...block.rows.map(([name, value]) => row(name, value))),
  Comparison: (block) => comparison(block),
  Steps: (block, page) => make("div", { class: "paths" }, ...block.rows.map(([service, marks]) => path(service, marks, page))),
  Actions: (block, page) => advice(block, page),
  More: (block, page) => make("details", {}, make("summary", {}, block.label), ...blocks(block.blocks, page)),
  Buttons: (block, page) => buttons(block, page),
  Form: (block, page) => form(block, page),
};

function row(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, make("bdi", {}, foreign(value))));
}

/** Two columns side by side; a row that differs says so to eyes and ears. */
function comparison(block) {
  const cell = (value) => make("td", {}, make("bdi", {}, foreign(value || "–")));
  const rows = block.rows.map(([name, left, right, same]) =>
    make("tr", { class: same ? null : "differs" }, make("th", { scope: "row" }, `${same ? "=" : "≠"} ${name}`), cell(left), cell(right)),
  );
  const heads = ["", block.left, block.right].map((name) => make("th", { scope: "col" }, name));
  return make("table", { class: "comparison" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
}

/** A paragraph in which commands can be copied. */
function prose(text, page, attributes = {}) {
  return make("p", attributes, ...text.split(COMMAND).map((part, place) => (place % 2 ? command(part, page) : part)));
}

function command(text, page) {
  const button = make("button", { type: "button", class: "copy" }, page.words.copy);
  button.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text);
    button.textContent = page.words.copied;
    setTimeout(() => (button.textContent = page.words.copy), 2000);
  });
  return make("span", { class: "command" }, make("code", {}, text), navigator.clipboard ? button : null);
}

/** One service's steps in a row of marks; what is not simply right stands below in words. */
function path(service, marks, page) {
  const steps = marks.map((mark) =>
    make(
      "li",
      { class: mark.status },
      make("span", { class: "mark", "aria-hidden": "true" }, MARKS[mark.status] ?? "?"),
      make("span", {}, mark.label),
      make("span", { class: "hidden" }, filled(page.words.named, { name: "", value: page.words.status[mark.status] ?? mark.status })),
    ),
  );
  const notes = marks
    .filter((mark) => mark.note && mark.status !== "skipped")
    .map((mark) => make("p", { class: `finding ${mark.status}` }, filled(page.words.named, { name: mark.label, value: mark.note })));
  return make("div", { class: "path" }, make("h4", {}, service), make("ol", {}, ...steps), ...notes);
}

function advice(block, page) {
  const links = block.links.map((link) =>
    make("li", {}, make("a", { href: link.url, rel: "noopener noreferrer", target: "_blank", hreflang: link.lang }, link.title)),
  );
  return make(
    "section",
    { class: "advice" },
    make("h4", {}, block.title),
    block.who ? make("p", { class: "who" }, filled(page.words.who, { who: block.who })) : null,
    make("ol", {}, ...block.actions.map((action) => make("li", {}, prose(action, page)))),
    links.length ? make("ul", { class: "links" }, ...links) : null,
  );
}

function buttons(block, page) {
  const made = block.buttons.map((button) => {
    const look = button.primary ? "primary" : null;
    if (button.url) return make("a", { class: "button", href: button.url, rel: "noopener noreferrer", target: "_blank" }, button.label);
    if (button.action === "secret" && page.offer) return { open: secretForm, ended }[page.offer]?.(page) ?? null;
    if (page.offer === "ended") return null;
    const element = make("button", { type: "button", class: look, "data-action": button.action }, button.label);
    element.addEventListener("click", () => (button.action === "microsoft" ? page.signIn() : page.press(button.action, button.label)));
    return element;
  });
  const shown = made.filter(Boolean);
  return shown.length ? make("div", { class: "buttons" }, ...shown) : null;
}

const ended = (page) => make("p", { class: "note" }, page.secret.inline_ended);

/** The field for a secret, in the conversation. Its value goes to the secret page's address and nowhere else. */
function secretForm(page) {
  const field = make("input", {
    type: "password",
    name: "secret",
    required: true,
    maxlength: "4000",
    autocomplete: "off",
    autocapitalize: "none",
    spellcheck: "false",
    id: "secret",
  });
  const show = make("input", { type: "checkbox" });
  show.addEventListener("change", () => (field.type = show.checked ? "text" : "password"));
  const problem = make("p", { class: "problem", role: "alert", hidden: true });
  const send = make("button", { type: "submit", class: "primary" }, page.secret.send);
  const element = make(
    "form",
    { class: "secret", autocomplete: "off" },
    page.code ? make("p", { class: "note" }, page.secret.code, " ", make("strong", {}, page.code)) : null,
    make("label", { for: "secret" }, page.secret.field),
    field,
    make("label", { class: "tick" }, show, page.secret.show),
    problem,
    send,
  );
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    const value = field.value;
    field.value = "";
    const failed = await page.sendSecret(value);
    send.disabled = false;
    if (!failed) return;
    problem.textContent = failed;
    problem.hidden = false;
    field.focus();
  });
  return element;
}

function form(block, page) {
  const fields = block.inputs.map((input) => labelled(input, `${page.key}-${input.name}`));
  const element = make(
    "form",
    { class: "ask", novalidate: true },
    make("fieldset", {}, ...fields, make("button", { type: "submit", class: "primary" }, block.submit)),
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    page.submit(block.name, Object.fromEntries(new FormData(element)));
  });
  return element;
}

function labelled(input, id) {
  const problem = input.error ? make("p", { class: "problem", id: `${id}-problem` }, foreign(input.error)) : null;
  const shared = { id, name: input.name, "aria-invalid": input.error ? "true" : null, "aria-describedby": input.error ? `${id}-problem` : null };
  const field = input.options.length
    ? make("select", shared, ...input.options.map(([value, label]) => make("option", { value, selected: value === input.value }, label)))
    : make("input", { ...shared, value: input.value, placeholder: input.example, autocomplete: "off", autocapitalize: "none", spellcheck: "false", required: !input.optional });
  return make("div", { class: "field" }, make("label", { for: id }, input.label), field, problem);
}
