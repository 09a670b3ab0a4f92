// The keys of a tree: up and down, in and out, first and last, as in any tree.

/** Makes a tree follow the keyboard, and opens and closes what is pointed at. */
export function follow(tree) {
  tree.addEventListener("keydown", (event) => {
    const item = event.target;
    // Keys that are meant for something within an item are its own.
    if (item.getAttribute("role") !== "treeitem" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (act(tree, item, event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  tree.addEventListener("click", (event) => {
    const head = event.target.closest(".node-head");
    const item = head?.closest("[role=treeitem]");
    if (!item) return;
    if (item.hasAttribute("aria-expanded")) toggle(item);
    go(tree, item);
  });
}

function act(tree, item, key) {
  const seen = visible(tree);
  const at = seen.indexOf(item);
  const open = item.getAttribute("aria-expanded");
  switch (key) {
    case "ArrowDown":
      return go(tree, seen[at + 1]);
    case "ArrowUp":
      return go(tree, seen[at - 1]);
    case "Home":
      return go(tree, seen[0]);
    case "End":
      return go(tree, seen.at(-1));
    case "ArrowRight":
      if (open === "false") return toggle(item);
      return open === "true" ? go(tree, seen[at + 1]) : true;
    case "ArrowLeft":
      if (open === "true") return toggle(item);
      return go(tree, item.parentElement.closest("[role=treeitem]"));
    case "Enter":
    case " ":
      return open === null ? false : toggle(item);
    default:
      return false;
  }
}

function visible(tree) {
  return [...tree.querySelectorAll("[role=treeitem]")].filter(
    (item) => !item.parentElement.closest('[role=treeitem][aria-expanded="false"]'),
  );
}

function toggle(item) {
  item.setAttribute("aria-expanded", String(item.getAttribute("aria-expanded") === "false"));
  return true;
}

function go(tree, item) {
  if (!item) return true;
  for (const other of tree.querySelectorAll('[tabindex="0"][role=treeitem]')) other.tabIndex = -1;
  item.tabIndex = 0;
  item.focus();
  return true;
}
