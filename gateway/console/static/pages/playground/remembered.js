// What the Playground remembers, for as long as the tab is open and no longer.

const PREFIX = "beamsplitter.playground.";

/** Returns what was kept under a name, `otherwise` where that is nothing of the same shape. */
export function kept(name, otherwise) {
  try {
    const found = JSON.parse(sessionStorage.getItem(PREFIX + name));
    return found !== null && typeof found === "object" && Array.isArray(found) === Array.isArray(otherwise)
      ? found
      : otherwise;
  } catch {
    return otherwise;
  }
}

/** Keeps something under a name; what is too large for the browser is not kept. */
export function keep(name, value) {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    sessionStorage.removeItem(PREFIX + name);
  }
}
