// <holdfast-booking service="…" lang="…" location="…">: a clinic's booking pages in a frame that grows with them. It emits "booked".
(() => {
  const script = document.currentScript;
  const { origin } = new URL(script.src);
  const NAME = "holdfast-booking";

  class HoldfastBooking extends HTMLElement {
    connectedCallback() {
      const [service, lang, place] = ["service", "lang", "location"].map((name) => this.getAttribute(name));
      const url = new URL((lang ? `/${lang}` : "") + (service ? `/book/${service}/` : "/"), origin);
      if (place) url.searchParams.set("where", place);

      // The link stays where the pages may not be framed.
      const link = this.querySelector("a") ?? this.appendChild(document.createElement("a"));
      link.href ||= url;
      link.textContent ||= this.getAttribute("label") || "Book an appointment";

      const frame = document.createElement("iframe");
      frame.src = url;
      frame.title = link.textContent;
      Object.assign(frame.style, { display: "block", width: "100%", height: "0", border: "0" });
      this.listen = ({ source, origin: from, data }) => {
        if (source !== frame.contentWindow || from !== origin) return;
        if (data.type === "holdfast:height") {
          frame.style.height = `${data.height}px`;
          link.hidden = true;
        }
        if (data.type === "holdfast:booked") this.dispatchEvent(new CustomEvent("booked", { bubbles: true }));
      };
      addEventListener("message", this.listen);
      this.frame = this.appendChild(frame);
    }

    disconnectedCallback() {
      removeEventListener("message", this.listen);
      this.frame.remove();
    }
  }

  if (!customElements.get(NAME)) customElements.define(NAME, HoldfastBooking);
  if ("service" in script.dataset) {
    const booking = document.createElement(NAME);
    for (const name in script.dataset) booking.setAttribute(name, script.dataset[name]);
    script.after(booking);
  }
})();
