// Drawing a part anew while somebody is at it: the focus, what is open and what is scrolled to stay.

import { mount } from "../../dom.js";

const HELD = "a, button, summary, [tabindex]";

/** Puts children in the place of what is there. */
export function redraw(root, ...children) {
  const at = [...root.querySelectorAll(HELD)].indexOf(document.activeElement);
  const opened = [...root.querySelectorAll("details")].map((each) => each.open);
  const scrolled = [...root.querySelectorAll(".table-wrap")].map((each) => each.scrollLeft);
  mount(root, ...children);
  root.querySelectorAll("details").forEach((each, index) => {
    each.open = opened[index] ?? each.open;
  });
  root.querySelectorAll(".table-wrap").forEach((each, index) => {
    each.scrollLeft = scrolled[index] ?? 0;
  });
  if (at >= 0) root.querySelectorAll(HELD)[at]?.focus({ preventScroll: true });
}
