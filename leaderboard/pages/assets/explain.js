"use strict";

/* Explanations of headings: shown on hover and on keyboard focus, hidden with Escape. */
(() => {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  const MARGIN = 8;
  let shown = null;

  function show(heading) {
    hide();
    shown = heading;
    tip.textContent = heading.dataset.explanation;
    tip.hidden = false;
    const box = heading.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - MARGIN);
    const below = box.bottom + MARGIN / 2;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(MARGIN, left)}px`;
    tip.style.top = `${fits ? below : Math.max(MARGIN, box.top - tip.offsetHeight - MARGIN / 2)}px`;
    focusable(heading).setAttribute("aria-describedby", tip.id);
  }

  function hide() {
    if (shown) focusable(shown).removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  function focusable(heading) {
    return heading.querySelector("button") || heading;
  }

  for (const heading of document.querySelectorAll("th[title]")) {
    heading.dataset.explanation = heading.title;
    heading.removeAttribute("title");
    heading.addEventListener("mouseenter", () => show(heading));
    heading.addEventListener("mouseleave", hide);
    heading.addEventListener("focusin", () => show(heading));
    heading.addEventListener("focusout", hide);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  window.addEventListener("scroll", hide, { passive: true });
})();
