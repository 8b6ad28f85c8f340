// The page of the API: search, copying, a choice of language, and every operation with Swagger UI. All of its text is there
// without this. Nothing is asked of other sites: validatorUrl would be one.

const dark = matchMedia("(prefers-color-scheme: dark)");

// Swagger UI is dark by a class, not by the preference itself.
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// Copying

for (const block of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    button.textContent = (await copy(block.querySelector("code"))) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  button.setAttribute("aria-live", "polite");
  block.prepend(button);
}

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    // Not over https, or not allowed: then it is selected.
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

// What is wider than the page scrolls by itself, with the keyboard too.

const scrollers = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const wide of document.querySelectorAll(".code pre, .table")) scrollers.observe(wide);

// Search: what is under each heading, each row of a table and each operation is one thing to be found.

const form = document.querySelector("[role=search]");
const input = document.getElementById("search");
const found = document.getElementById("found");
const contents = document.querySelector(".contents");
const MOST = 20;

function readPage() {
  const things = [];
  for (const section of document.querySelectorAll("main > section")) {
    let thing;
    const name = section.querySelector("h2").textContent;
    for (const node of section.querySelectorAll("h2, h3, h4, p, li, tr, code, .operations > div")) {
      if (node.matches("h2, h3, h4")) {
        thing = { id: node.id, node, title: node.textContent, path: name, text: "" };
        things.push(thing);
      } else if (node.matches("tr, .operations > div")) {
        const [title, text] = node.matches("tr") ? readRow(node) : [...node.children].map(readText).reverse();
        things.push({ id: node.id, node, title, path: thing.title, text });
      } else if (!node.closest("tr, .operations > div") && (node.localName !== "code" || node.closest("pre"))) {
        thing.text += ` ${readText(node)}`;
      }
    }
  }
  return things;
}

const readText = (node) => node.textContent.replace(/\s+/g, " ").trim();
const readRow = ({ cells: [first, ...others] }) => [readText(first), others.map(readText).join(" ")];
const things = readPage();

function find(words) {
  const phrase = words.join(" ");
  // The words one after another in a title, all in a title, one after another anywhere, all anywhere.
  const rank = (thing) => {
    const [title, all] = [thing.title, `${thing.title} ${thing.path} ${thing.text}`].map((text) => text.toLowerCase());
    const places = [all, all, title, title];
    const isFound = (place, number) => (number % 2 ? place.includes(phrase) : words.every((word) => place.includes(word)));
    return places.findLastIndex(isFound) + 1;
  };
  const ranked = things.map((thing) => ({ thing, rank: rank(thing) })).filter(({ rank }) => rank);
  return ranked.sort((a, b) => b.rank - a.rank).map(({ thing }) => thing);
}

function quote(text, word) {
  const start = text.toLowerCase().indexOf(word);
  const from = Math.max(0, start - 30);
  const quoted = document.createElement("span");
  const cut = (end) => (text.length > end ? `${text.slice(0, end).replace(/\s\S*$/, "")}…` : text);
  if (start < 0) {
    quoted.textContent = cut(90);
    return quoted;
  }
  const mark = document.createElement("mark");
  mark.textContent = text.slice(start, start + word.length);
  quoted.append(from ? "…" : "", text.slice(from, start), mark, cut(start + 80).slice(start + word.length));
  return quoted;
}

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const results = words.length ? find(words) : [];
  found.replaceChildren(...results.slice(0, MOST).map((thing) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `#${thing.id || thing.node.closest("section").getAttribute("aria-labelledby")}`;
    const title = document.createElement("b");
    title.textContent = thing.title;
    link.append(title, ` ${thing.path}`, quote(thing.text.trim(), words[0]));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      go(thing, link.hash);
    });
    item.append(link);
    return item;
  }));
  found.hidden = !words.length;
  contents.hidden = Boolean(words.length);
  const count = results.length > MOST ? `The first ${MOST} of ${results.length}` : results.length === 1 ? "1 place" : `${results.length} places`;
  document.getElementById("count").textContent = words.length ? count : "";
}

function go(thing, hash) {
  history.pushState(null, "", hash);
  // Swagger UI has drawn its own rows in place of the list of operations.
  const node = thing.node.isConnected ? thing.node : document.getElementById(thing.id);
  if (!node) return;
  node.querySelector(".opblock-summary-control[aria-expanded=false]")?.click();
  const panel = node.closest(".language");
  if (panel) document.getElementById(`in-${panel.classList[1]}`).checked = true;
  node.tabIndex = -1;
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "start" });
}

form.hidden = false;
form.addEventListener("submit", (event) => {
  event.preventDefault();
  found.querySelector("a")?.click();
});
input.addEventListener("input", show);
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    input.value = "";
    show();
  }
});
found.addEventListener("keydown", step);
input.addEventListener("keydown", step);

function step(event) {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!way) return;
  const stops = [input, ...found.querySelectorAll("a")];
  const next = stops[stops.indexOf(document.activeElement) + way];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  input.focus();
});

// Where the reader is, in the contents list

const links = [...contents.querySelectorAll("a")];

function mark() {
  const isPassed = (link) => document.getElementById(link.hash.slice(1))?.getBoundingClientRect().top < 120;
  const current = links.findLast(isPassed) ?? links[0];
  if (current.hasAttribute("aria-current")) return;
  contents.querySelector("[aria-current]")?.removeAttribute("aria-current");
  current.setAttribute("aria-current", "true");
  const [list, place] = [current.closest("nav"), current.getBoundingClientRect()];
  const { top, bottom, height } = list.getBoundingClientRect();
  if (place.top < top || place.bottom > bottom) list.scrollTop += place.top - top - height / 2;
}

addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
mark();

// Every operation

const page = document.getElementById("swagger");
document.querySelector(".try").hidden = false;
SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  syntaxHighlight: { activated: true, theme: "agate" },
});
