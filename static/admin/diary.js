/* The diary: draws the server's lists as a grid, keeps it up to date, and opens what is clicked. Without it they are lists.

   What it opens, and how the dialogs fit in:
   - a visit that is clicked opens its link (admin:diary_appointment);
   - time that is clicked opens admin:diary_book?clinician=<id>&location=<id>&start=2026-12-01T09:00;
   - a visit that is dropped elsewhere opens admin:diary_move?clinician=<id>&location=<id>&start=2026-12-01T09:15.
   Times are what the clock at the location shows, without a zone; &fold=1 says the second one, where an hour comes twice.
   desk.js fetches each into a dialog. An answer with the header HX-Trigger: diary:changed has the grid ask for news at once.
   The arrow keys go from entry to entry; single letters are not this file's. */

const POLL_MS = 2000, SNAP_MINUTES = 15, DRAG_MINUTES = 5, DRAG_PIXELS = 6, EDGE_PIXELS = 48;
const news = document.getElementById("diary-news");
const chooser = document.getElementById("diary-columns");
const tools = document.querySelector("#diary-tools form");
let grid = document.getElementById("diary-grid");
let drag = null, skew = 0;

const listColumns = () => [...grid.querySelectorAll(".column")];
const pad = number => String(number).padStart(2, "0");
const writeTime = minutes => `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
const getNow = () => Date.now() / 1000 + skew;

function tickMinutes() {
  for (const each of document.querySelectorAll("[data-since]")) {
    each.textContent = `${Math.max(0, Math.floor((getNow() - each.dataset.since) / 60))} min`;
  }
}

/* The grid */

function draw(part) {
  for (const each of part.querySelectorAll("[data-from]")) {
    const {from, long, lane, lanes, color} = each.dataset;
    each.style.setProperty("--from", from);
    if (long) each.style.setProperty("--long", long);
    if (lanes) each.style.setProperty("--lane", lane), each.style.setProperty("--lanes", lanes);
    if (color) each.style.setProperty("--service", color);
    each.classList.toggle("is-short", long < 20);
    each.classList.toggle("is-low", long >= 20 && long < 30);
    each.classList.toggle("is-middle", long >= 30 && long < 40);
    each.source = each.textContent;
  }
}

function drawAll() {
  grid.style.setProperty("--start", grid.dataset.start);
  grid.style.setProperty("--span", grid.dataset.end - grid.dataset.start);
  skew = grid.dataset.now - Date.now() / 1000;
  grid.classList.add("is-grid");
  fillChooser();
  tick();
}

function tick() {
  const now = getNow();
  const parts = new Intl.DateTimeFormat("en-CA", {timeZone: grid.dataset.zone, dateStyle: "short", timeStyle: "short", hourCycle: "h23"})
    .formatToParts(now * 1000).reduce((all, part) => ({...all, [part.type]: part.value}), {});
  const day = `${parts.year}-${parts.month}-${parts.day}`, minutes = parts.hour * 60 + Number(parts.minute);
  for (const column of listColumns()) {
    let line = column.querySelector(".now");
    if (column.dataset.day === day && !line) {
      line = document.createElement("div");
      line.className = "now";
      column.querySelector(".body").append(line);
    }
    line?.style.setProperty("--from", minutes);
    if (line) line.hidden = column.dataset.day !== day || minutes < grid.dataset.start || minutes > grid.dataset.end;
  }
  tickMinutes();
  for (const each of grid.querySelectorAll("[data-until]")) {
    const left = Math.floor(each.dataset.until - now);
    each.textContent = left > 3600 ? "" : `${Math.max(0, Math.floor(left / 60))}:${pad(Math.max(0, left) % 60)}`;
    if (left < 0) each.closest(".entry").remove();
  }
}

/* News */

let asking = false;
const broken = {since: 0};

async function ask() {
  if (asking || drag || document.hidden) return;
  asking = true;
  try {
    const known = listColumns().map(column => column.dataset.version).join(".");
    const answer = await fetch(`${grid.dataset.events}&known=${known}`, {
      headers: {"If-None-Match": grid.dataset.etag, "HX-Request": "true"},
      cache: "no-store",
    });
    if (answer.redirected || answer.headers.has("HX-Refresh")) location.reload();
    else if (answer.status === 200) update(await answer.text());
    else if (answer.status !== 304) throw new Error(answer.status);
    broken.since = 0;
  } catch {
    broken.since ||= getNow();
  } finally {
    asking = false;
  }
  const isBroken = broken.since && getNow() - broken.since > 10;
  news.classList.toggle("visually-hidden", !isBroken);
  news.textContent = isBroken ? "There is no connection: what stands here may be out of date." : "";
}

function update(html) {
  if (drag) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.getElementById("diary-grid");
  const old = new Map(listColumns().map(column => [column.id, column]));
  const sources = new Map([...grid.querySelectorAll(".visit, .hold")].map(each => [each.firstElementChild.id, each.source]));
  const focused = grid.contains(document.activeElement) ? document.activeElement.id : null;
  const scroll = [grid.scrollTop, grid.scrollLeft];
  const columns = [...fresh.querySelectorAll(".column")], isNew = column => !("unchanged" in column.dataset);
  for (const column of columns.filter(isNew)) {
    draw(column);
    for (const each of column.querySelectorAll(".visit, .hold")) {
      if (sources.get(each.firstElementChild.id) !== each.source) each.classList.add("is-new");
    }
  }
  const before = listColumns(), isSameAxis = ["start", "end"].every(name => fresh.dataset[name] === grid.dataset[name]);
  Object.assign(grid.dataset, fresh.dataset);
  if (isSameAxis && columns.length === before.length && columns.every((column, at) => column.id === before[at].id)) {
    for (const column of columns.filter(isNew)) old.get(column.id).replaceWith(column);
  } else {
    for (const column of columns) if (!isNew(column)) column.replaceWith(old.get(column.id));
    for (const each of fresh.querySelectorAll(".hours")) draw(each);
    grid.replaceChildren(...fresh.childNodes);
  }
  [grid.scrollTop, grid.scrollLeft] = scroll;
  if (focused) (document.getElementById(focused) || grid).focus({preventScroll: true});
  drawAll();
}

/* One column on a phone */

function fillChooser() {
  const select = chooser.querySelector("select"), columns = listColumns();
  const chosen = columns.find(column => column.id === (select.value || sessionStorage.getItem("diary-column"))) || columns[0];
  select.replaceChildren(...columns.map(column => new Option(column.querySelector("h2").textContent, column.id)));
  chooser.hidden = columns.length < 2;
  if (chosen) choose(chosen.id);
}

function choose(id) {
  chooser.querySelector("select").value = id;
  sessionStorage.setItem("diary-column", id);
  for (const column of listColumns()) column.classList.toggle("is-chosen", column.id === id);
}

/* Dialogs, which are desk.js's */

function open(url) {
  document.dispatchEvent(new CustomEvent("diary:open", {detail: {url}}));
}

document.addEventListener("click", event => {
  const link = event.target.closest("a.opens, #go-book");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(link.href);
});

document.addEventListener("diary:changed", () => grid && ask());

/* Clicks, drags and keys */

function getMinutes(column, y, step) {
  const box = column.querySelector(".body").getBoundingClientRect(), span = grid.dataset.end - grid.dataset.start;
  const minutes = Number(grid.dataset.start) + (y - box.top) / box.height * span;
  return Math.max(0, Math.min(24 * 60 - step, Math.floor(minutes / step) * step));
}

function getPlace(column, minutes) {
  return new URLSearchParams({
    clinician: column.dataset.clinician, location: grid.dataset.location, start: `${column.dataset.day}T${writeTime(minutes)}`,
  });
}

function onClick(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a"), column = event.target.closest(".column");
  const gap = event.target.closest(".free");
  if (link && (!gap || event.detail === 0)) { // a gap's link pressed by key: its beginning
    event.preventDefault();
    open(link.href);
  } else if (column && grid.dataset.book && event.target.closest(".body") && !event.target.closest(".hold")) {
    event.preventDefault();
    const minutes = Math.max(getMinutes(column, event.clientY, SNAP_MINUTES), gap ? Number(gap.dataset.from) : 0);
    open(`${grid.dataset.book}?${getPlace(column, minutes)}`);
  }
}

function onPointerDown(event) {
  const visit = event.target.closest(".may-move .visit.is-movable");
  if (!visit || event.button || event.pointerType === "touch") return;
  const grabbed = event.clientY - visit.getBoundingClientRect().top;
  drag = {visit, grabbed, x: event.clientX, y: event.clientY, ghost: null, place: null};
}

function onPointerMove(event) {
  if (!drag) return;
  if (!drag.ghost) {
    if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < DRAG_PIXELS) return;
    drag.ghost = drag.visit.cloneNode(true);
    drag.ghost.classList.add("is-ghost");
    drag.visit.classList.add("is-dragged");
    document.body.classList.add("is-dragging");
  }
  const box = grid.getBoundingClientRect();
  grid.scrollBy(
    event.clientX > box.right - EDGE_PIXELS ? 12 : event.clientX < box.left + EDGE_PIXELS ? -12 : 0,
    event.clientY > box.bottom - EDGE_PIXELS ? 12 : event.clientY < box.top + EDGE_PIXELS ? -12 : 0,
  );
  const column = document.elementFromPoint(event.clientX, event.clientY)?.closest(".column");
  if (!column) return;
  const minutes = getMinutes(column, event.clientY - drag.grabbed + 1, DRAG_MINUTES);
  drag.place = {column, minutes};
  drag.ghost.style.setProperty("--from", minutes);
  drag.ghost.querySelector("time").textContent = writeTime(minutes);
  column.querySelector(".body ol").append(drag.ghost);
}

function stopDragging(event) {
  if (!drag) return;
  const {visit, ghost, place} = drag;
  drag = null;
  visit.classList.remove("is-dragged");
  document.body.classList.remove("is-dragging");
  if (!ghost) return;
  ghost.remove();
  addEventListener("click", stopEvent, {capture: true, once: true}); // of the same press
  setTimeout(() => removeEventListener("click", stopEvent, {capture: true}));
  const isElsewhere = place && (place.column !== visit.closest(".column") || place.minutes !== Number(visit.dataset.from));
  if (event.type === "pointerup" && isElsewhere) {
    open(`${visit.querySelector("a").pathname}move/?${getPlace(place.column, place.minutes)}`);
  }
}

function stopEvent(event) {
  event.preventDefault();
  event.stopPropagation();
}

function onKey(event) {
  if (drag && event.key === "Escape") return stopDragging(event);
  const link = event.target.closest(".entry a");
  if (!link || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !event.key.startsWith("Arrow")) return;
  const columns = listColumns().filter(column => column.offsetParent), column = link.closest(".column");
  const sideways = {ArrowLeft: -1, ArrowRight: 1}[event.key] * (getComputedStyle(grid).direction === "rtl" ? -1 : 1);
  let next;
  if (sideways) {
    const from = Number(link.closest(".entry").dataset.from);
    for (let at = columns.indexOf(column) + sideways; columns[at] && !next; at += sideways) {
      const distance = each => Math.abs(each.closest(".entry").dataset.from - from);
      next = [...columns[at].querySelectorAll(".entry a")].sort((one, other) => distance(one) - distance(other))[0];
    }
  } else {
    const links = [...column.querySelectorAll(".entry a")];
    next = links[links.indexOf(link) + (event.key === "ArrowDown" ? 1 : -1)];
  }
  event.preventDefault();
  next?.focus();
  next?.scrollIntoView({block: "nearest", inline: "nearest"});
}

function showHint(event) {
  const column = event.target.closest(".column"), body = event.target.closest(".body");
  let hint = grid.querySelector(".hint");
  if (drag || event.pointerType === "touch" || !column || !body || !grid.dataset.book || event.target.closest(".visit, .hold")) return hint?.remove();
  if (!hint) {
    hint = document.createElement("div");
    hint.className = "hint";
    hint.ariaHidden = "true";
  }
  const gap = event.target.closest(".free");
  const minutes = Math.max(getMinutes(column, event.clientY, SNAP_MINUTES), gap ? Number(gap.dataset.from) : 0);
  hint.style.setProperty("--from", minutes);
  hint.textContent = writeTime(minutes);
  if (hint.parentElement !== body) body.append(hint);
}

if (tools) {
  tools.classList.add("is-live");
  tools.addEventListener("change", () => tools.requestSubmit());
}

if (document.getElementById("waiting-room")) {
  tickMinutes();
  setInterval(tickMinutes, 1000);
  document.addEventListener("htmx:afterSwap", tickMinutes);
}

if (grid) {
  draw(grid);
  drawAll();
  const line = grid.querySelector(".now:not([hidden])");
  if (line) grid.scrollTop = line.offsetTop - grid.clientHeight / 3;
  grid.addEventListener("click", onClick);
  grid.addEventListener("pointerdown", onPointerDown);
  grid.addEventListener("pointermove", showHint);
  grid.addEventListener("pointerleave", () => grid.querySelector(".hint")?.remove());
  grid.addEventListener("dragstart", stopEvent);
  grid.addEventListener("animationend", event => event.target.closest(".is-new")?.classList.remove("is-new"));
  addEventListener("pointermove", onPointerMove);
  addEventListener("pointerup", stopDragging);
  addEventListener("pointercancel", stopDragging);
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", ask);
  chooser.addEventListener("change", event => choose(event.target.value));
  chooser.addEventListener("click", event => {
    const columns = listColumns(), at = columns.findIndex(column => column.classList.contains("is-chosen"));
    const next = columns[at + Number(event.target.dataset.step || 0)];
    if (next) choose(next.id);
  });
  setInterval(tick, 1000);
  setInterval(ask, POLL_MS);
}
