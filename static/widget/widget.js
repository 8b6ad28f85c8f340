// What htmx and plain forms cannot do: the countdown, keeping what was typed, and telling of trouble.
"use strict";

const page = document.getElementById("page");
const texts = JSON.parse(document.getElementById("texts").textContent);  // in the page's language

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
  }
  const left = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  if (left === shown) return;
  const running = box.querySelector(".running");
  const clock = box.querySelector(".clock");
  clock.hidden = false;
  clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  box.querySelector("progress").value = left;
  box.classList.toggle("short", left < 120);
  const moreTime = box.querySelector(".more-time");
  if (left <= 300) moreTime?.classList.remove("unscripted");
  for (const minutes of [5, 2, 1]) {
    if (shown > minutes * 60 && left <= minutes * 60) {
      say(minutes === 5 && moreTime ? texts.moreTime : texts.held[minutes]);
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
  if (!kept) return;
  const form = new FormData(document.getElementById("details"));
  kept.hidden = ![...form].some(([name, value]) => value && name !== "from" && name !== "clinician");
}

function say(sentence) {
  document.getElementById("say").textContent = sentence;
}

setInterval(tick, 250);
tick();

// A computer that was asleep did not count: ask the server how much is left.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && counting) htmx.trigger(counting, "resync");
});

// What was typed comes back when the patient looks at other times or goes back. It is never stored.

let typed = null;

page.addEventListener("input", (event) => {
  const form = event.target.closest("#details");
  if (form) typed = new FormData(form);
});

function retype() {
  if (page.querySelector("[data-done]")) typed = null;
  const form = document.getElementById("details");
  if (!form || !typed) return;
  for (const input of form.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    if (input.type === "checkbox" || input.type === "radio") input.checked ||= typed.getAll(input.name).includes(input.value);
    else if (!input.value && typed.get(input.name)) input.value = typed.get(input.name);
  }
}

// A question that depends on another is shown where it applies, in place.

function ask(isAnnounced) {
  let shown = 0;
  for (const question of page.querySelectorAll("[data-after]")) {
    const inputs = [...question.closest("form").elements].filter((input) => input.name === question.dataset.after);
    const isShown = !inputs[0]?.closest(".question").classList.contains("not-asked");
    const values = inputs.filter((input) => !/radio|checkbox/.test(input.type) || input.checked).map((input) => input.value);
    const wanted = JSON.parse(question.dataset.wanted);
    const applies = isShown && (values.join("") ? values.some((value) => wanted.includes(value)) : "lasts" in question.dataset);
    if (question.classList.toggle("not-asked", !applies) === false && applies && !question.wasAsked) shown += 1;
    question.wasAsked = applies;
  }
  if (isAnnounced && shown) say(shown === 1 ? texts.oneMoreQuestion : texts.moreQuestions);
}

page.addEventListener("change", (event) => {
  if (event.target.closest(".question")) ask(true);
});
ask();

// One press puts right a slip in the e-mail address.

page.addEventListener("click", (event) => {
  const button = event.target.closest("#meant [data-meant]");
  if (!button) return;
  event.preventDefault();
  const input = document.querySelector("#details input[name=email]");
  input.value = button.value;
  typed = new FormData(input.form);
  input.focus();
  document.getElementById("meant").textContent = "";
});

// A video call is at another hour where the patient's clock shows another zone.

function tellYours() {
  for (const span of page.querySelectorAll(".yours[hidden]")) {
    const at = new Date(span.dataset.at);
    const two = (number) => String(number).padStart(2, "0");
    const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
    const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    if (span.dataset.at.startsWith(`${date}T${time}`)) continue;
    const text = span.dataset.at.startsWith(date) ? texts.yourTime : texts.yourTimeOnAnotherDay;
    const weekday = at.toLocaleDateString(document.documentElement.lang, { weekday: "short" });
    span.textContent = text.replace("%(weekday)s", weekday).replace("%(time)s", time);
    span.hidden = false;
  }
}

tellYours();

// After a swap the focus is where it was or where the page put it (autofocus); else it goes to the heading.
// What has become of an appointment comes by itself: it is said once, and moves nobody who is elsewhere.

page.addEventListener("htmx:afterSwap", (event) => {
  document.getElementById("trouble").hidden = true;
  if (["looking", "meant"].includes(event.detail.target?.id)) return;
  retype();
  ask();
  tick();
  tellWhatIsKept();
  tellYours();
  if (event.detail.target?.id === "visit") say(page.querySelector("h1").textContent);
  else if (document.activeElement === document.body) page.querySelector("h1")?.focus({ preventScroll: true });
});

// The browser's own Back from a held time leads to the times: there it is to be shown as one's own.

document.body.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const token = /^(?:\/[a-z]{2})?\/(?:hold|appointment\/[^/]+\/to)\/([^/]+)\/(?:\?|$)/.exec(event.detail.history.path);
  if (!token || !/^(\/[a-z]{2})?\/(book|order)\/|\/reschedule$/.test(location.pathname)) return;
  const address = new URL(location.href);
  address.searchParams.set("hold", token[1]);
  history.replaceState(history.state, "", address);
});

// Another language: the page of now, whose address the switch has not followed, with what is typed.

document.querySelector(".languages")?.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-language]");
  if (!chosen) return;
  event.preventDefault();
  const translate = (path) => `/${chosen.dataset.language}${path.replace(/^\/[a-z]{2}(?=\/)/, "")}`;
  const form = document.getElementById("details");
  if (form?.dataset.here) {
    form.action = translate(form.dataset.here);
    form.submit();  // as a plain form, which htmx leaves alone
  } else {
    location.assign(translate(location.pathname) + location.search);
  }
});

// A page that cannot be restored in place (an expired hold answers 410) is loaded like any other.
document.body.addEventListener("htmx:historyCacheMissLoadError", () => location.reload());

for (const event of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(event, ({ detail }) => {
    if (detail.elt?.id === "looking") {  // nobody has asked for it: try again, and say nothing
      setTimeout(() => htmx.trigger(detail.elt, "again"), 10_000);
      return;
    }
    if (detail.target?.id === "meant") return;  // nor for this
    const trouble = document.getElementById("trouble");
    trouble.textContent = texts.trouble;
    trouble.hidden = false;
  });
}
