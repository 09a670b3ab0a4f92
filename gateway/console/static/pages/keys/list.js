// Lists of the control plane, read to their end.

import { api } from "../../api.js";

const PAGE = 200;
const MOST_PAGES = 25;

/** Returns all rows of a list; past five thousand, the first five thousand. */
export async function everyPage(path, signal) {
  const rows = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { data, total } = await api(`${path}?page_size=${PAGE}&current_page=${page}`, { signal });
    rows.push(...data);
    if (data.length < PAGE || rows.length >= total) break;
  }
  return rows;
}
