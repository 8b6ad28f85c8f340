// A held time: its countdown, what was typed for it, and the line about it on other pages.
"use strict";

const STORED = "holdfast.held";
const GRACE = 10 * 60_000;  // after the time is no longer held

// What is kept of the held time: its page and token, what was typed, and until when. In sessionStorage it survives a
// reload and a discarded tab; where that is blocked it lives as long as the page.

let held = null;

try { held = JSON.parse(sessionStorage.getItem(STORED)); } catch { /* blocked */ }

function keep(changed) {
  held = changed;
  try {
    if (held) sessionStorage.setItem(STORED, JSON.stringify(held));
    else sessionStorage.removeItem(STORED);
  } catch { /* blocked */ }
}

function dropOld() {
  if (held && Date.now() > held.until) keep(null);
}

// Whoever comes anew, and not by one of our links, may be somebody else at the same computer.
const isNewVisit = performance.getEntriesByType("navigation")[0]?.type === "navigate" && !document.wasDiscarded;
if (held && isNewVisit && !held.goesOn && !location.href.includes(held.token)) keep(null);
if (held?.goesOn) keep({ ...held, goesOn: false });
document.addEventListener("click", (event) => {
  if (held && event.target.closest("a[href^='/']")) keep({ ...held, goesOn: true });
});
setInterval(dropOld, 30_000);
dropOld();

// The countdown. Only the server's seconds count: the clock of this computer may be wrong.

let endsAt = 0;
let shown = null;
let counting = null;

function tick() {
  const box = document.getElementById("countdown");
  if (!box) { counting = null; return; }
  if (box !== counting) {
    counting = box;
    endsAt = performance.now() + box.dataset.secondsLeft * 1000;
    shown = null;
    const end = box.querySelector("time");
    end.textContent = writeTime(new Date(end.dateTime));  // on the reader's own clock
  }
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  if (left === shown) return;
  const running = box.querySelector(".running");
  const clock = box.querySelector(".clock");
  clock.hidden = false;
  const minutes = Math.floor(left / 60);
  const parts = minutes < 60 ? [minutes, left % 60] : [Math.floor(minutes / 60), minutes % 60, left % 60];
  clock.textContent = parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
  box.querySelector("progress").value = left;
  box.classList.toggle("short", left < 120);
  const moreTime = box.querySelector(".more-time");
  if (left <= 300) moreTime?.classList.remove("unscripted");
  for (const minutes of [5, 2, 1]) {
    if (shown > minutes * 60 && left <= minutes * 60) {
      say([texts.held[minutes], moreTime ? texts.moreTime : ""].join(" ").trim());
    }
  }
  if (left === 0 && !running.hidden) {
    const hadFocus = running.contains(document.activeElement) || document.activeElement.matches(".while-held");
    running.hidden = true;
    box.querySelector(".expired").hidden = false;
    if (hadFocus) box.querySelector(".expired button")?.focus();
    tellWhatIsKept();
    say(document.getElementById("kept").hidden ? texts.expired : texts.expiredWithInput);
  }
  shown = left;
}

// “What you typed is still here” is only said where it is.
function tellWhatIsKept() {
  const kept = document.getElementById("kept");
  if (kept) kept.hidden = !Object.entries(readForm()).some(([name, values]) => name !== "who" && values.some(Boolean));
}

// A computer that was asleep did not count: ask the server how much is left.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (counting) htmx.trigger(counting, "resync");
  else showNote();
});

// What was typed comes back on the page of its time, and of the one that replaces it.

const NOT_TYPED = ["from", "clinician", "me"];
let address = location.href;  // of the page before

function readForm() {
  const form = new FormData(document.getElementById("details") ?? undefined);
  const names = new Set([...form.keys()].filter((name) => !NOT_TYPED.includes(name)));
  return Object.fromEntries([...names].map((name) => [name, form.getAll(name)]));
}

page.addEventListener("input", (event) => {
  if (held && event.target.form?.id === "details") keep({ ...held, typed: readForm() });
});

function retype() {
  const form = document.getElementById("details");
  if (!form || form.querySelector("input[name=from]")) return;  // the check repeats what the server was sent
  for (const input of form.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    const values = held.typed[input.name];
    if (!values) continue;
    const isBox = ["checkbox", "radio"].includes(input.type);
    if (isBox) input.checked ||= values.includes(input.value);
    else if (!input.value && values[0]) input.value = values[0];
    const fold = input.closest("details");
    if (fold && (isBox ? input.checked : input.value)) fold.open = true;
  }
  form.dispatchEvent(new Event("retyped", { bubbles: true }));
}

function follow() {
  const box = document.getElementById("countdown");
  if (box) {
    const url = box.dataset.hold;
    const token = url.split("/").at(-2);
    const isReplaced = held && held.token !== token && !address.includes(held.token);
    const typed = (!isReplaced && held?.typed) || {};
    const left = box.dataset.secondsLeft * 1000;
    const until = left || !held || held.token !== token ? Date.now() + left + GRACE : held.until;
    keep({ url, token, typed, until });
    retype();
    tellWhatIsKept();
    note.replaceChildren();
  } else if (held && isDone()) {
    keep(null);
  } else if (!note.firstElementChild) {
    showNote();
  }
  address = location.href;
}

function isDone() {
  if (!page.querySelector("[data-done]")) return false;
  return location.pathname === `${held.url}done` || held.url.startsWith(location.pathname);  // booked, or moved
}

const note = document.getElementById("hold-note");

function showNote() {
  if (held) htmx.ajax("GET", `${held.url}note`, { target: note, swap: "innerHTML" });
}

page.addEventListener("htmx:afterSwap", ({ detail }) => {
  const target = detail.target?.id;
  if (["looking", "meant"].includes(target)) return;
  tick();
  follow();
  if (target === "countdown" && detail.requestConfig.verb === "post") {
    // “Need more time?” is gone: what it did is said and has the focus, and the page stays where it is.
    const told = counting.querySelector(".running p");
    if (document.activeElement === document.body) told.focus({ preventScroll: true });
    say(told.querySelector(".news").textContent);
  }
});

setInterval(tick, 250);
setInterval(() => document.hidden || counting || showNote(), 60_000);
tick();
follow();
