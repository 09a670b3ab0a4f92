// Light or dark: as the system is, or as the switch says.

const KEEP = "beamsplitter.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const SIGNS = { auto: "◐", light: "☀", dark: "☾" };

/** Tells when colours have changed: an event "change". */
export const theme = new EventTarget();

/** Makes a button the switch. */
export function followTheme(button) {
  let now = kept();
  const dress = () => {
    if (now === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = now;
    button.textContent = SIGNS[now];
    button.setAttribute("aria-label", `Theme: ${now}. Change to ${NEXT[now]}`);
    button.title = `Theme: ${now}`;
    theme.dispatchEvent(new Event("change"));
  };
  button.addEventListener("click", () => {
    now = NEXT[now];
    localStorage.setItem(KEEP, now);
    dress();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
  dress();
}

function kept() {
  const word = localStorage.getItem(KEEP);
  return Object.hasOwn(NEXT, word ?? "") ? word : "auto";
}
