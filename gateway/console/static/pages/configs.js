// Configs: the list of them, or one of them with all that can be asked about it.

import { showList } from "./configs/list.js";
import { showOne } from "./configs/one.js";

export const title = "Configs";

/** Shows the page; `#/configs/ID` is one config, `?new` a new one. */
export async function show(root, { params, query, signal, navigate }) {
  if (params.id !== undefined || query.has("new")) await showOne(root, { id: params.id, query, signal, navigate });
  else await showList(root, { query, signal, navigate });
}
