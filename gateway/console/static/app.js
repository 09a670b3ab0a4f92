// The shell of the console: which page the address asks for, the way between pages, and who signed in.

import { forgetAll, hasKey, session } from "./api.js";
import { errorBox, h, mount, waiting } from "./dom.js";
import { login } from "./login.js";
import { followTheme } from "./theme.js";

const PAGES = {
  live: "Live",
  logs: "Logs",
  analytics: "Analytics",
  configs: "Configs",
  playground: "Playground",
  keys: "Keys and budgets",
  health: "Health",
};
const FIRST = "live";

const main = document.getElementById("main");
const nav = document.getElementById("nav");
const menu = document.getElementById("menu");
const signOut = document.getElementById("sign-out");
let shown = new AbortController();
let refusedWith = null;

/** Goes to a page, such as "/logs?status_code=500"; `quiet` changes the address and nothing else. */
export function navigate(path, { replace = false, quiet = false } = {}) {
  const hash = `#${path.replace(/^#/, "")}`;
  if (hash === location.hash) {
    if (!quiet) show();
  } else if (replace || quiet) {
    history.replaceState(null, "", hash);
    if (!quiet) show();
  } else {
    location.hash = hash;
  }
}

/** Returns the page, the rest of the path and the query that a hash names; what cannot be decoded is taken as it is. */
export function placeOf(hash) {
  const [path, query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [page, ...rest] = path.split("/").map(decoded);
  return { page: page || FIRST, params: { id: rest[0] || undefined, rest }, query: new URLSearchParams(query) };
}

async function show() {
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  openMenu(false);
  const signedIn = hasKey();
  nav.hidden = menu.hidden = signOut.hidden = !signedIn;
  document.body.classList.toggle("signed-out", !signedIn);
  if (!signedIn) {
    document.title = "Sign in · Beamsplitter";
    login(main, { signal, refusedWith, done: show });
    refusedWith = null;
    return;
  }
  const { page, params, query } = placeOf(location.hash);
  for (const link of nav.querySelectorAll("a")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!Object.hasOwn(PAGES, page)) {
    document.title = "No such page · Beamsplitter";
    const way = h("a", { href: `#/${FIRST}` }, `Go to ${PAGES[FIRST]}`);
    mount(
      main,
      h("h1", null, "No such page"),
      h("p", null, `There is no page “${page.slice(0, 80)}” here. `, way, "."),
    );
    return;
  }
  document.title = `${PAGES[page]} · Beamsplitter`;
  mount(main, waiting(`Waiting for ${PAGES[page]} …`));
  dress(page);
  try {
    const { title, show: draw } = await import(`./pages/${page}.js`);
    if (signal.aborted) return;
    document.title = `${title} · Beamsplitter`;
    const root = h("div", { class: `page page-${page}` });
    mount(main, h("h1", null, title), root);
    await draw(root, { params, query, signal, navigate });
  } catch (error) {
    if (signal.aborted) return;
    mount(main, h("h1", null, PAGES[page]), errorBox(error), again());
  }
}

function again() {
  return h("p", null, h("button", { class: "button", type: "button", on: { click: () => show() } }, "Try again"));
}

function dress(page) {
  const href = new URL(`./css/${page}.css`, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  if (document.querySelector(`link[data-page="${page}"]`)) return;
  document.head.append(h("link", { rel: "stylesheet", href, "data-page": page }));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function openMenu(open) {
  menu.setAttribute("aria-expanded", String(open));
  nav.classList.toggle("open", open);
}

function onKey(event) {
  if (event.key === "Escape" && nav.classList.contains("open")) {
    openMenu(false);
    menu.focus();
  }
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = main.querySelector("[data-search], input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
}

function begin() {
  const links = Object.entries(PAGES).map(([page, title]) =>
    h("li", null, h("a", { href: `#/${page}`, "data-page": page }, title)),
  );
  mount(nav, h("ul", null, links));
  followTheme(document.getElementById("theme"));
  menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
  signOut.addEventListener("click", () => {
    forgetAll();
    show();
  });
  session.addEventListener("refused", (event) => {
    refusedWith = event.detail;
    show();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the router's
    main.focus();
  });
  document.addEventListener("keydown", onKey);
  window.addEventListener("hashchange", () => {
    show();
    // Whoever reads with ears is told that the page is another one.
    if (hasKey()) main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  show();
}

begin();
