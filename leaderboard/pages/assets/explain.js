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
  let dismissed = null;

  function show(heading) {
    hide();
    shown = heading;
    tip.textContent = heading.dataset.explanation;
    tip.hidden = false;
    place();
    focusable(heading).setAttribute("aria-describedby", tip.id);
  }

  function place() {
    const box = shown.getBoundingClientRect();
    const left = Math.min(box.left, document.documentElement.clientWidth - tip.offsetWidth - MARGIN);
    const below = box.bottom + MARGIN / 2;
    const fits = below + tip.offsetHeight < window.innerHeight;
    tip.style.left = `${Math.max(MARGIN, left)}px`;
    tip.style.top = `${fits ? below : Math.max(MARGIN, box.top - tip.offsetHeight - MARGIN / 2)}px`;
  }

  function hide() {
    if (shown) focusable(shown).removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  function focusable(heading) {
    return heading.querySelector("button") || heading;
  }

  function leave(heading) {
    if (dismissed === heading) dismissed = null;
    if (shown === heading) hide();
  }

  for (const heading of document.querySelectorAll("th[title]")) {
    heading.dataset.explanation = heading.title;
    heading.removeAttribute("title");
    /* Not mouseenter: scrolling brings headings under a mouse at rest, which asks for nothing. */
    heading.addEventListener("mousemove", () => {
      if (heading !== shown && heading !== dismissed) show(heading);
    });
    heading.addEventListener("mouseleave", () => leave(heading));
    heading.addEventListener("focusin", () => show(heading));
    heading.addEventListener("focusout", () => leave(heading));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    dismissed = shown;
    hide();
  });
  /* A focus that scrolls its heading into view keeps the explanation, beside it. */
  const follow = () => shown && (shown.contains(document.activeElement) ? place() : hide());
  document.addEventListener("scroll", follow, { capture: true, passive: true });
})();
