/* The desk on every page of staff: dialogs, the search and the keys. Links and forms work without it, as whole pages.

   - A link with data-dialog, or "diary:open" with detail.url on the document, is fetched by htmx into <dialog id="dialog">.
   - An answer with the header HX-Trigger: diary:changed tells the page below that it has to look again.
   - data-close closes; data-refresh is the button that shows other times, and is pressed by a change beside it.
   Keys of one character do nothing where somebody types, nor for who has turned them off. */
"use strict";

if (document.getElementById("desk-settings")) {
  const settings = document.getElementById("desk-settings").dataset;

  function findDialog() {
    const found = document.getElementById("dialog");
    if (found) return found;
    const made = document.createElement("dialog");
    made.id = "dialog";
    document.body.append(made);
    return made;
  }

  const dialog = findDialog(), isDialog = dialog.matches("dialog");
  dialog.classList.add("desk-dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");

  /* Dialogs */

  function open(url) {
    htmx.ajax("GET", url, {target: dialog, swap: "innerHTML"});
  }

  function show() {
    if (!dialog.querySelector("#dialog-title")) return;
    if (isDialog && !dialog.open) dialog.showModal();
    const first = dialog.querySelector("[autofocus]:not(:disabled)") || dialog.querySelector("#dialog-title");
    if (!dialog.contains(document.activeElement) || document.activeElement.matches("[data-close], #dialog")) first.focus();
  }

  dialog.addEventListener("htmx:beforeSwap", event => {
    const {xhr} = event.detail;
    if (xhr.responseText.trimStart().slice(0, 9).toLowerCase() !== "<!doctype") return;
    event.detail.shouldSwap = false; // a page of its own, such as the sign-in
    location.assign(xhr.responseURL);
  });
  dialog.addEventListener("htmx:afterSwap", event => event.detail.target === dialog && show());
  document.addEventListener("diary:open", event => open(event.detail.url));
  document.addEventListener("click", event => {
    const link = event.target.closest("a[data-dialog], [data-close]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.matches("[data-close]")) {
      if (!isDialog) return; // a page of its own: the link leads to the diary
      event.preventDefault();
      dialog.close();
    } else {
      event.preventDefault();
      event.stopPropagation();
      open(link.href);
    }
  });
  if (isDialog) dialog.addEventListener("close", () => dialog.replaceChildren());

  /* Choosing a time and a patient */

  dialog.addEventListener("change", event => {
    const part = event.target.closest("#when .fields");
    part?.querySelector("[data-refresh]")?.click(); // none beside the reason of an override
    // What was asked for counts no more: another service is shown with the time that is pressed.
    if (event.target.matches(".times [name=opening]")) dialog.querySelector("#id_why").value = "";
  });

  dialog.addEventListener("keydown", event => {
    if (event.target.id === "find-patient" && ["Enter", "ArrowDown"].includes(event.key)) {
      const first = dialog.querySelector("#found [name=patient]");
      event.preventDefault();
      if (!first) return;
      first.checked = true;
      first.focus();
    }
    if (event.target.closest("#found, #twins, .times") && event.key === "Enter" && event.target.type === "radio") {
      event.preventDefault();
      event.target.form.querySelector("button.default").click(); // htmx sends the name of what was clicked
    }
    if (event.target.closest("[role=search], [data-arrows]") && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const stops = [...dialog.querySelectorAll("[role=search] input, [data-arrows] li a:first-child")];
      const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
      if (!next) return;
      event.preventDefault();
      next.focus();
    }
    if (event.target.id === "search-everything" && event.key === "Enter") {
      const only = dialog.querySelectorAll("[data-arrows] li a:first-child");
      event.preventDefault();
      if (only.length) only[0].click();
    }
  });

  // A patient who is typed anew is not the one that was found before.
  dialog.addEventListener("toggle", event => {
    if (!event.target.matches("#who details") || !event.target.open) return;
    for (const each of dialog.querySelectorAll("[name=patient]:checked")) each.checked = false;
    event.target.querySelector("input").focus();
  }, true);

  // Pressed twice, sent once: the second is dropped here, and by the id in the form on the server.
  dialog.addEventListener("htmx:beforeRequest", event => {
    if (event.detail.elt.matches("form")) dialog.setAttribute("aria-busy", "true");
  });
  dialog.addEventListener("htmx:afterRequest", () => dialog.removeAttribute("aria-busy"));

  /* Keys */

  const isTyping = target => target.closest("input:not([type=radio], [type=checkbox]), select, textarea, [contenteditable], .select2-container");
  const follow = selector => document.querySelector(selector)?.click();

  function enterVisits(key) {
    const visits = [...document.querySelectorAll("#diary-grid .visit a, [data-visit]")].filter(each => each.offsetParent);
    visits.at(key === "ArrowDown" ? 0 : -1)?.focus();
    return visits.length;
  }

  const KEYS = {
    "/": () => open(settings.search),
    "n": () => settings.book && open(document.getElementById("go-book")?.href || settings.book),
    "t": () => document.getElementById("go-today") ? follow("#go-today") : location.assign(settings.today),
    "?": () => open(settings.keys),
  };
  const ARROWS = {
    ArrowLeft: () => follow("#diary-tools a[rel=prev]"),
    ArrowRight: () => follow("#diary-tools a[rel=next]"),
    ArrowDown: enterVisits,
    ArrowUp: enterVisits,
  };

  document.addEventListener("keydown", event => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || isTyping(event.target)) return;
    if (settings.shortcuts === "on" && event.key in KEYS) {
      if (document.querySelector("dialog[open]")) return; // what is typed there would be gone
      event.preventDefault();
      KEYS[event.key]();
    } else if (event.key in ARROWS && event.target === document.body && document.getElementById("diary-tools")) {
      if (ARROWS[event.key](event.key)) event.preventDefault();
    }
  });

  dialog.addEventListener("htmx:afterSwap", () => {
    const saved = dialog.querySelector("[data-shortcuts]");
    if (saved) settings.shortcuts = saved.dataset.shortcuts;
  });
}
