// The local chat page: the open case's messages as they come, and what the person does with them.

import { blocks, make } from "./blocks.js";

const config = JSON.parse(document.body.dataset.config);
const words = config.words;
const at = (id) => document.getElementById(id);
const log = at("log");
const text = at("text");
const state = at("state");
const RETRIES = [500, 1500, 4000];
const MOST_FILE = 100_000; // bytes; settings of mail programs have a few thousand

let open = null; // the id of the case that is shown
let source = null; // its stream
let cases = [];
let messages = new Map(); // id -> {data, element}
let readFrom = null; // the message that should not scroll out of sight
let atEnd = true;
let wantsSecret = false; // the person asked for the field, so it may take the focus

// What the person does

const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Send something; the same id again has no second effect, so that a lost answer may be asked for again. */
async function post(address, values) {
  const body = JSON.stringify({ id: fresh(), case: open, ...values });
  for (let turn = 0; ; turn++) {
    try {
      const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status === 401) location.reload();
      if (answer.status < 500) return answer.ok ? await answer.json() : null;
    } catch {
      // not reached: try again
    }
    if (turn >= RETRIES.length) return null;
    await new Promise((done) => setTimeout(done, RETRIES[turn]));
  }
}

async function act(address, values) {
  lookAtEnd();
  const answer = await post(address, values);
  state.textContent = answer ? "" : words.not_sent;
  if (answer && answer.case !== open) location.hash = answer.case;
  return answer !== null;
}

async function say(typed) {
  if (!typed.trim()) return;
  text.value = "";
  fit();
  wantsSecret = false;
  if (!(await act("/chat/say", { text: typed })) && !text.value) {
    text.value = typed;
    fit();
  }
}

async function sendSecret(value) {
  lookAtEnd();
  const where = await post("/chat/secret", {});
  if (where === null) return config.secret["expired.title"];
  try {
    const body = new URLSearchParams({ secret: value });
    const answer = await fetch(where.address, { method: "POST", body });
    if (!answer.ok) return answer.status === 410 ? config.secret["expired.title"] : words.not_sent;
  } catch {
    return words.not_sent;
  }
  text.focus();
  return "";
}

/** Open the page from which one signs in with Microsoft; each press has an address of its own. */
async function signIn() {
  const where = await post("/chat/secret", {});
  if (where !== null) window.open(where.address, "_blank", "noopener");
}

// What is shown

const isOffer = (data) => /^(offer|signin)/.test(data.key ?? "");
const caseNow = () => cases.find((one) => one.id === open);

/** Whether a message is an offer to type a secret or to sign in, and whether that is open: only the newest is, while the case says so. */
function offerOf(data) {
  const offered = caseNow()?.offered ?? false;
  if (!isOffer(data)) return offered ? "elsewhere" : "";
  const newest = Math.max(...[...messages.values()].filter((m) => isOffer(m.data)).map((m) => m.data.id));
  return offered && data.id === newest ? "open" : "ended";
}

function draw(data) {
  const person = data.body.data?.role === "person";
  const page = {
    person,
    words: { ...words, status: config.status, who: config.who, named: config.named },
    secret: config.secret,
    key: data.key ?? `m${data.id}`,
    finished: (data.key ?? "").startsWith("progress:") && !data.body.blocks.some((block) => block.type === "Buttons"),
    offer: offerOf(data),
    code: data.body.data?.code,
    press: (action, label) => {
      wantsSecret = action === "secret";
      if (!wantsSecret) text.focus();
      act("/chat/press", { action, label });
    },
    submit: (form, values) => {
      wantsSecret = true;
      text.focus();
      act("/chat/submit", { form, values });
    },
    sendSecret,
    signIn,
  };
  const time = new Date(data.at * 1000);
  const when = make("time", { datetime: time.toISOString() }, time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  const verdict = data.body.data?.verdict;
  const parts = blocks(data.body.blocks, page);
  if (verdict) {
    const link = make("a", { class: "button", href: `/r/${open}`, target: "_blank", rel: "noopener" }, words.full_report);
    const file = make("a", { class: "button", href: `/r/${open}/export`, download: `migcheck-${open}.json` }, words.export);
    const last = parts.at(-1);
    if (last?.classList.contains("buttons")) last.append(link, file);
    else parts.push(make("div", { class: "buttons" }, link, file));
  }
  return make(
    "article",
    {
      class: `message ${person ? "person" : "bot"} ${verdict ?? ""}`,
      lang: person ? null : langOf(caseNow()?.lang),
      "data-key": data.key,
      "data-offer": page.offer,
    },
    make("p", { class: "by" }, person ? words.you : words.bot, " ", when),
    make("div", { class: "body" }, ...parts),
  );
}

const langOf = (lang) => (lang === "zh" ? "zh-Hans" : (lang ?? null));

/** Once the field for the secret is there, it gets the focus if the person's last act was meant for it. */
function focusSecret() {
  const field = log.querySelector("form.secret input[name=secret]");
  if (field && wantsSecret && !text.value) {
    wantsSecret = false;
    field.focus({ preventScroll: true });
  }
}

function put(data) {
  const known = messages.get(data.id);
  const element = draw(data);
  messages.set(data.id, { data, element });
  if (known) {
    element.setAttribute("aria-live", "off");
    keepOpen(known.element, element);
    if (readFrom === known.element) readFrom = element;
    known.element.replaceWith(element);
  } else {
    const after = [...messages.values()].filter((m) => m.data.id > data.id && m.element.isConnected).sort((a, b) => a.data.id - b.data.id)[0];
    log.insertBefore(element, after?.element ?? null);
    const long = element.offsetHeight > log.clientHeight * 0.7;
    if (data.body.data?.verdict || (long && !readFrom)) readFrom = element;
  }
}

/** What the person had unfolded or typed stays so when a message is drawn again. */
function keepOpen(before, after) {
  const folded = [...after.querySelectorAll("details")];
  for (const [place, part] of [...before.querySelectorAll("details")].entries()) if (folded[place]) folded[place].open = part.open;
  for (const field of before.querySelectorAll("form.ask [name]")) {
    const again = after.querySelector(`form.ask [name="${field.name}"]`);
    if (again) again.value = field.value;
  }
}

/** Draw again what depends on the case's state: offers, and forms of which only the newest can be used. */
function settle() {
  for (const { data, element } of messages.values()) {
    const offers = (block) => block.type === "Buttons" && block.buttons.some((one) => ["secret", "microsoft"].includes(one.action));
    const has = data.body.blocks.some(offers);
    if (has && element.dataset.offer !== offerOf(data)) put(data);
  }
  const forms = [...log.querySelectorAll("form.ask fieldset")];
  for (const [place, form] of forms.entries()) form.disabled = place < forms.length - 1;
  focusSecret();
  const field = log.querySelector("form.secret") !== null;
  at("hint").textContent = field ? words.hint_secret : words.hint;
  at("hint").classList.toggle("strong", field);
}

function drawCases() {
  const items = cases.map((one) =>
    make(
      "li",
      {},
      make(
        "a",
        { href: `#${one.id}`, "aria-current": one.id === open ? "page" : null },
        make("span", { class: "name" }, make("bdi", {}, one.title || words.untitled)),
        make("span", { class: "detail" }, `${one.id} · ${words[`phase.${one.phase}`]}`),
      ),
    ),
  );
  at("cases").querySelector("ul").replaceChildren(...(items.length ? items : [make("li", { class: "note" }, words.no_cases)]));
}

// Scrolling: to the end, but never past the beginning of a report that has just come

function follow() {
  if (!atEnd) return;
  const limit = readFrom?.isConnected ? readFrom.offsetTop - 16 : Infinity;
  log.scrollTop = Math.min(log.scrollHeight, limit);
  look();
}

function look() {
  at("below").hidden = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
}

log.addEventListener("scroll", look, { passive: true });
for (const kind of ["wheel", "touchmove", "keydown"]) {
  log.addEventListener(kind, (event) => (atEnd = atEnd && kind === "keydown" && event.target !== log), { passive: true });
}
at("below").addEventListener("click", () => {
  lookAtEnd();
  log.scrollTo({ top: log.scrollHeight });
});

function lookAtEnd() {
  readFrom = null;
  atEnd = true;
}

// The stream

function connect() {
  source?.close();
  source = new EventSource(open ? `/chat/stream?case=${encodeURIComponent(open)}` : "/chat/stream");
  source.addEventListener("open", () => (state.textContent = ""));
  source.addEventListener("cases", (event) => {
    cases = JSON.parse(event.data);
    drawCases();
    settle();
  });
  source.addEventListener("message", (event) => {
    put(JSON.parse(event.data));
    settle();
    follow();
  });
  source.addEventListener("error", () => {
    state.textContent = words.offline;
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  });
}

function show() {
  open = decodeURIComponent(location.hash.slice(1)) || null;
  if (open === "text") return; // the skip link
  messages = new Map();
  lookAtEnd();
  log.replaceChildren();
  at("start").hidden = open !== null;
  log.hidden = open === null;
  at("below").hidden = true;
  document.body.classList.remove("drawn");
  at("drawer").setAttribute("aria-expanded", "false");
  for (const link of document.querySelectorAll(".languages a")) link.hash = location.hash;
  drawCases();
  connect();
  text.focus();
}

function starters() {
  const try_ = (label, hint, run) => {
    const button = make("button", { type: "button" }, label, hint ? make("span", { class: "note" }, hint) : null);
    button.addEventListener("click", run);
    return make("li", {}, button);
  };
  const fill = (typed) => () => {
    text.value = typed;
    fit();
    text.focus();
  };
  const practice = config.suggestions.map(([domain, hint]) => try_(domain, hint, () => say(domain)));
  const examples = [words["example.domain"], words["example.error"]].map((typed) => try_(typed, "", fill(typed)));
  at("starters").replaceChildren(
    make("h2", {}, practice.length ? words.practice : words.examples),
    make("ul", { class: practice.length ? "practice" : "" }, ...(practice.length ? practice : examples)),
  );
}

function fit() {
  text.rows = Math.min(8, text.value.split("\n").length);
}

text.addEventListener("input", fit);
text.addEventListener("keydown", (event) => {
  // Enter that ends the choice of a word in an input method (229 in some browsers) is not for us.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  say(text.value);
});
at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  say(text.value);
  text.focus();
});
at("attach").addEventListener("click", () => at("file").click());
at("file").addEventListener("change", async (event) => {
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  const content = file.size > MOST_FILE ? "" : await file.text();
  if (!content.trim() || content.length > text.maxLength) {
    state.textContent = words.file_unusable;
    return;
  }
  say(content);
});
at("new").addEventListener("click", () => (location.hash ? (location.hash = "") : show()));
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  text.focus();
});
at("drawer").addEventListener("click", () => {
  const drawn = document.body.classList.toggle("drawn");
  at("drawer").setAttribute("aria-expanded", String(drawn));
});
window.addEventListener("hashchange", show);
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
starters();
show();
