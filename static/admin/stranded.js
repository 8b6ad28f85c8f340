// Stranded visits: one tick for all of the page.
for (const all of document.querySelectorAll("[data-tick-all]")) {
  all.addEventListener("change", () => {
    for (const one of all.closest("table").querySelectorAll("input[name=visit]")) one.checked = all.checked;
  });
}
