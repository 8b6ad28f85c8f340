// The work that a time costs where many people are booking; then the form is posted by itself. It runs anew with each
// page that has such a form, after widget.js. What ALTCHA's element would show, the page says itself.
"use strict";

(() => {
  const form = document.getElementById("work");
  const working = form.querySelector(".working");
  const byHand = form.querySelector(".by-hand");

  function show(isWorking) {
    working.hidden = !isWorking;
    byHand.hidden = isWorking;
  }

  function giveUp() {
    show(false);
    say(byHand.querySelector("p").textContent);
  }

  function post(payload) {
    const input = form.elements.proof_of_work;
    input.value = payload;
    input.disabled = false;
    working.querySelector("[role=status]").textContent = form.dataset.done;
    form.requestSubmit();
  }

  async function work() {
    await import(form.dataset.solver);
    $altcha.algorithms.set("PBKDF2/SHA-256", () => new Worker(form.dataset.worker));
    // It would watch the pointer, too.
    $altcha.defaults.set({ humanInteractionSignature: false, minDuration: 0 });
    const solver = document.createElement("altcha-widget");
    solver.addEventListener("statechange", ({ detail }) => {
      if (detail.state === "verified") post(detail.payload);
      if (["error", "expired"].includes(detail.state)) giveUp();
    });
    solver.setAttribute("challenge", form.dataset.challenge);
    solver.setAttribute("auto", "onload");
    document.getElementById("solver").append(solver);
  }

  if (!window.isSecureContext || !("automatic" in form.dataset)) return;
  show(true);
  work().catch(giveUp);
})();
