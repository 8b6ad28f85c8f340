// The pages of services and times: the search while one types, and times that go when somebody else takes them.
"use strict";

// The search. Without script the server hides what does not match.

const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function find(input) {
  const words = fold(input.value).split(/\s+/);
  let isHit = false;
  for (const section of page.querySelectorAll(".category")) {
    const heading = section.querySelector("h2")?.textContent ?? "";
    let isAny = false;
    for (const item of section.querySelectorAll("li")) {
      const text = fold(`${heading} ${item.querySelector("strong").textContent} ${item.querySelector(".soft")?.textContent ?? ""}`);
      item.hidden = !words.every((word) => text.includes(word));
      isAny ||= !item.hidden;
    }
    section.hidden = !isAny;
    isHit ||= isAny;
  }
  document.getElementById("no-hit").hidden = isHit;
}

page.addEventListener("input", (event) => {
  if (event.target.id === "search") find(event.target);
});
page.addEventListener("submit", (event) => {
  if (event.target.matches(".search")) event.preventDefault();
});

// The time zone of a place is named where the reader's clock shows another time.

function tellZones() {
  for (const zone of page.querySelectorAll(".zone")) {
    const offset = -new Date(zone.dataset.at).getTimezoneOffset();
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(zone.dataset.at);
    zone.classList.toggle("another", offset !== (sign === "-" ? -1 : 1) * (hours * 60 + +minutes));
  }
}

// A day that was pressed is told, and its times are brought into view.

page.addEventListener("htmx:afterSwap", (event) => {
  tellZones();
  watch();
  const times = document.getElementById("times");
  const pressed = event.detail.requestConfig?.elt;
  if (!times || !pressed?.matches(".days a, .pager a, .filters, #next-free")) return;
  say(times.dataset.say ?? "");
  const strip = page.querySelector(".strip");
  if (times.getBoundingClientRect().top > innerHeight / 2 && matchMedia("(max-width: 51.99rem)").matches) {
    strip.scrollIntoView({ block: "start", behavior: "instant" });
  }
});

// While the page is looked at, ask every few seconds whether the times have changed; less often once it lies about.

const OFTEN = 3600;
const SELDOM = 15_000;
const LONG = 120_000;
let asking = 0;
let shownSince = 0;
let etag = "";

function watch() {
  clearTimeout(asking);
  const times = document.getElementById("times");
  if (!times || document.hidden) return;
  etag = times.dataset.etag;
  shownSince = performance.now();
  askLater();
}

function askLater(least = 0) {
  const usual = performance.now() - shownSince < LONG ? OFTEN : SELDOM;
  asking = setTimeout(ask, Math.max(usual, least) * (1 + Math.random() * 0.15));
}

async function ask() {
  const times = document.getElementById("times");
  if (!times || document.hidden) return;
  try {
    const answer = await fetch(times.dataset.watch, { headers: { "If-None-Match": etag }, cache: "no-store" });
    if (answer.status === 204) {
      if (await refresh(times)) etag = answer.headers.get("ETag");
    } else if (answer.status !== 304) {
      if (answer.status === 404) return;  // the server has another secret: it is too long ago
      askLater(60_000);
      return;
    }
  } catch {
    askLater(30_000);  // offline, perhaps
    return;
  }
  if (times.isConnected) askLater();
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(asking);
  if (document.hidden || !document.getElementById("times")) return;
  shownSince = performance.now();
  ask();
});

// What has changed is put where it was: nothing moves under a finger, or away from the focus. Returns whether it was.

async function refresh(times) {
  const answer = await fetch(times.dataset.page, { headers: { "HX-Request": "true" }, cache: "no-store" });
  if (!answer.ok) return false;
  const news = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newTimes = news.getElementById("times");
  if (!newTimes || !times.isConnected || page.querySelector(".htmx-request")) return false;
  refreshDays(news);
  times.dataset.say = newTimes.dataset.say ?? "";
  const [number, newNumber] = [times, newTimes].map((root) => root.querySelector(".number-free"));
  if (number) number.textContent = newNumber?.textContent ?? "";
  const buttons = [...times.querySelectorAll(".slot")];
  if (!buttons.length && !times.contains(document.activeElement)) {
    times.replaceChildren(...newTimes.childNodes);
    htmx.process(times);
    tellZones();
    tellYours();
    return true;
  }
  const free = new Map([...newTimes.querySelectorAll(".slot")].map((button) => [nameTime(button), button.value]));
  for (const button of buttons) {
    const name = nameTime(button);
    const isTaken = !free.has(name);
    if (isTaken && button === document.activeElement) say(texts.taken.replace("%(time)s", button.firstElementChild.textContent));
    button.classList.toggle("taken", isTaken);
    if (isTaken) {
      button.setAttribute("aria-disabled", "true");
    } else {
      button.removeAttribute("aria-disabled");
      button.value = free.get(name);
    }
    free.delete(name);
  }
  const more = document.getElementById("more-free");
  if (more) more.hidden = !free.size;
  return true;
}

// A time is the same whoever gives it.
function nameTime(button) {
  const [start, , ...place] = button.value.split(".");
  return [start, ...place].join(".");
}

function refreshDays(news) {
  const [days, newDays] = [page, news].map((root) => [...root.querySelectorAll(".days li")]);
  days.forEach((day, number) => {
    const other = newDays[number];
    if (!other || day.innerHTML === other.innerHTML) return;
    if (day.contains(document.activeElement)) {
      for (const part of [".count", ".unseen"]) day.querySelector(part).textContent = other.querySelector(part).textContent;
    } else {
      day.replaceChildren(...other.childNodes);
      htmx.process(day);
    }
  });
}

page.addEventListener("click", (event) => {
  if (event.target.closest(".slot.taken")) event.preventDefault();
});

tellZones();
watch();
