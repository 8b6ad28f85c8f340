// What htmx and plain forms cannot do: the patient's own zone, the focus, and telling of trouble.
"use strict";

const page = document.getElementById("page");
const texts = JSON.parse(document.getElementById("texts").textContent);  // in the page's language

function say(sentence) {
  document.getElementById("say").textContent = sentence;
}

// A question that depends on another is shown where it applies, in place.

function showQuestions(isAnnounced) {
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
  if (event.target.closest(".question")) showQuestions(true);
});
page.addEventListener("retyped", () => showQuestions());
showQuestions();

// One press puts right a slip in the e-mail address.

page.addEventListener("click", (event) => {
  const button = event.target.closest("#meant [data-meant]");
  if (!button) return;
  event.preventDefault();
  const input = document.querySelector("#details input[name=email]");
  input.value = button.value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.focus();
  document.getElementById("meant").textContent = "";
});

// A video call is at another hour where the patient's clock shows another zone.

const two = (number) => String(number).padStart(2, "0");
const writeTime = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;

function tellYours() {
  for (const span of page.querySelectorAll(".yours[hidden]")) {
    const at = new Date(span.dataset.at);
    const time = writeTime(at);
    const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    if (span.dataset.at.startsWith(`${date}T${time}`)) continue;
    const text = span.dataset.at.startsWith(date) ? texts.yourTime : texts.yourTimeOnAnotherDay;
    const weekday = at.toLocaleDateString(document.documentElement.lang, { weekday: "short" });
    span.textContent = text.replace("%(weekday)s", weekday).replace("%(time)s", time);
    span.hidden = false;
  }
  // Once it is chosen, their own time is the large one, and the clinic's the small one below it.
  for (const shown of page.querySelectorAll("[data-own]")) {
    const at = new Date(shown.dataset.own);
    const clock = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const write = (zone) => at.toLocaleString(`${document.documentElement.lang}-u-nu-latn`, { ...clock, ...zone });
    const own = write();
    if (own !== write({ timeZone: shown.dataset.zone })) {
      const clinic = shown.parentElement.querySelector("[data-clinic]");
      if (clinic) clinic.textContent = `${shown.textContent} ${clinic.textContent}`;
      shown.textContent = texts.yourTime.replace("%(time)s", own);
    }
    delete shown.dataset.own;
  }
  for (const input of page.querySelectorAll("[data-timezone]")) {
    input.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

tellYours();

// After a swap the focus is where it was or where the page put it (autofocus); else it goes to the heading.
// What has become of an appointment comes by itself: it is said once, and moves nobody who is elsewhere.

page.addEventListener("htmx:afterSwap", (event) => {
  document.getElementById("trouble").hidden = true;
  const target = event.detail.target?.id;
  if (["looking", "meant", "countdown"].includes(target)) return;
  say("");  // what was said is of the page before
  showQuestions();
  tellYours();
  if (target === "visit") say(page.querySelector("h1").textContent);
  else if (document.activeElement === document.body) page.querySelector("h1")?.focus({ preventScroll: true });
});

// The browser's own Back from a held time leads to the times: there it is to be shown as one's own.

document.body.addEventListener("htmx:beforeHistoryUpdate", (event) => {
  const token = /^(?:\/[a-z]{2})?(?:\/in\/[^/]+)?\/(?:hold|appointment\/[^/]+\/to)\/([^/]+)\/(?:\?|$)/.exec(event.detail.history.path);
  if (!token || !/^(\/[a-z]{2})?(\/in\/[^/]+)?\/(book|order)\/|\/reschedule$/.test(location.pathname)) return;
  const address = new URL(location.href);
  address.searchParams.set("hold", token[1]);
  history.replaceState(history.state, "", address);
});

// Another language: the page of now, whose address the switch has not followed, with what is typed.

document.querySelector(".languages")?.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-language]");
  if (!chosen) return;
  event.preventDefault();
  const named = `/${document.documentElement.lang.slice(0, 2)}/`;  // where the address names one, it is the page's
  const translate = (path) => `/${chosen.dataset.language}${path.startsWith(named) ? path.slice(named.length - 1) : path}`;
  const form = document.getElementById("details");
  if (form?.dataset.here) {
    form.action = translate(form.dataset.here);
    form.submit();  // as a plain form, which htmx leaves alone
  } else {
    location.assign(translate(location.pathname) + location.search);
  }
});

// In a frame of the clinic's site: the frame grows with the page, and the site hears when something is booked. It hears
// nothing else, and only sites that may frame the page hear this.

if (parent !== window) {
  const tell = (message) => parent.postMessage(message, "*");
  const tellBooked = () => {
    if (page.querySelector("[data-news=booked]")) tell({ type: "holdfast:booked" });
  };
  document.documentElement.classList.add("embedded");
  new ResizeObserver(() => {
    tell({ type: "holdfast:height", height: Math.ceil(document.body.getBoundingClientRect().height) });
  }).observe(document.body);
  tellBooked();
  let path = location.pathname;
  page.addEventListener("htmx:afterSwap", () => {
    if (location.pathname === path) return;
    path = location.pathname;
    tellBooked();
    page.querySelector("h1")?.scrollIntoView({ block: "nearest" });  // the site scrolls, not the frame
  });
}

// A page that cannot be restored in place (an expired hold answers 410) is loaded like any other.
document.body.addEventListener("htmx:historyCacheMissLoadError", () => location.reload());

// What fails is told. Where a server that has too much to do says when to come back, and has done nothing yet, the page
// asks again by itself with what is typed by then, unless something else is asked for first.

let askingAgain = 0;

for (const event of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(event, ({ detail }) => {
    const pause = readPause(detail);
    if (detail.elt?.id === "looking") setTimeout(() => htmx.trigger(detail.elt, "again"), pause || 10_000);
    if (isUnasked(detail)) return;
    if (pause) askingAgain = setTimeout(askAgain, pause, detail);
    const text = pause ? texts.busy : texts.trouble;
    const trouble = document.getElementById("trouble");
    if (trouble.hidden || trouble.textContent !== text) trouble.textContent = text;  // it is read out once
    trouble.hidden = false;
  });
}

function isUnasked({ elt, target }) {
  return elt?.id === "countdown" || ["looking", "meant", "hold-note"].includes(target?.id);
}

function readPause({ xhr, requestConfig }) {
  if (xhr?.status !== 503) return 0;
  const isSafe = requestConfig.verb === "get" || xhr.getResponseHeader("X-Unread");
  return isSafe ? xhr.getResponseHeader("Retry-After") * 1000 : 0;
}

function askAgain({ elt, target, requestConfig: { verb, path, triggeringEvent } }) {
  const pressed = triggeringEvent?.submitter;
  const values = pressed?.name ? { [pressed.name]: pressed.value } : {};
  if (elt.isConnected) htmx.ajax(verb, path, { source: elt, target, values });
}

document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!isUnasked(detail)) clearTimeout(askingAgain);
});
