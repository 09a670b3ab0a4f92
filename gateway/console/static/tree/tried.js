// A tree made of the attempts alone, for a route that is not known any more.

const LAST_STEP = /\.?[^.[\]]*\[[^[\]]*\]$/;

/** Returns a tree of what attempts, and the paths that were passed over, tell of a route. */
export function treeOfAttempts(attempts = [], passedOver = {}) {
  const root = { path: "", name: "what was tried", mode: "route", children: [] };
  const places = new Map();
  const leaves = [...attempts, ...Object.keys(passedOver ?? {}).map((path) => ({ path }))];
  for (const { path, target, provider } of leaves) {
    const leaf = placed(root, places, String(path ?? target ?? provider ?? "?"));
    leaf.mode = "target";
    leaf.name = target && target !== path ? target : leaf.name;
    leaf.provider = provider ?? leaf.provider;
  }
  // The place of the whole route says nothing that its only parent does not say.
  const [only] = root.children;
  return root.children.length === 1 && only.children.length ? { ...only, name: root.name, mode: root.mode } : root;
}

function placed(root, places, path) {
  const known = places.get(path);
  if (known) return known;
  const above = path.replace(LAST_STEP, "");
  const parent = above === path || above === "" ? root : placed(root, places, above);
  const node = { path, name: null, mode: "group", children: [] };
  parent.children.push(node);
  places.set(path, node);
  return node;
}
