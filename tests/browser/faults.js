// All faults of a page, each as a sentence.
() => {
  const faults = [];
  const outside = "[inert], [aria-hidden=true], [role=img] *";
  const seen = (each) => each.checkVisibility({ visibilityProperty: true }) && !each.closest(outside);
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const about = (each) => each.outerHTML.slice(0, 120);
  const words = (each) => [...each.querySelectorAll("img[alt]")].map((image) => image.alt).join("") + each.textContent;
  const named = (each) => {
    const by = each.getAttribute("aria-labelledby");
    if (by)
      return by
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent ?? "")
        .join(" ");
    return each.getAttribute("aria-label") ?? ([...(each.labels ?? [])].map((label) => label.textContent).join(" ") || null);
  };
  for (const each of all("button, a[href], summary, [role=tab], [role=treeitem]"))
    if (!(named(each) ?? words(each)).trim()) faults.push(`no name: ${about(each)}`);
  for (const each of all("input, select, textarea")) if (!named(each)?.trim()) faults.push(`no label: ${about(each)}`);
  for (const each of all("img")) if (!each.hasAttribute("alt")) faults.push(`no alternative: ${about(each)}`);
  for (const each of all("dialog, [role=region], [role=tree], [role=tablist], nav, [role=img], [role=meter]"))
    if (!named(each)?.trim()) faults.push(`a part without a name: ${about(each)}`);
  for (const each of all("th")) if (!each.scope) faults.push(`a heading of nothing: ${about(each)}`);
  const levels = all("h1, h2, h3, h4, h5, h6").map((each) => Number(each.tagName[1]));
  const first = levels.filter((level) => level === 1).length;
  if (first !== 1) faults.push(`h1: ${first}`);
  levels.forEach((level, at) => at && level > levels[at - 1] + 1 && faults.push(`h${level} after h${levels[at - 1]}`));
  for (const landmark of ["main", "header"]) if (all(landmark).length !== 1) faults.push(`${landmark}: not one`);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids.filter((each, at) => ids.indexOf(each) !== at))) faults.push(`twice: #${id}`);
  for (const each of document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby], label[for]"))
    for (const name of ["aria-labelledby", "aria-describedby", "for"])
      for (const id of (each.getAttribute(name) ?? "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) faults.push(`${name} of nothing: ${about(each)}`);
  for (const each of all("[tabindex]")) if (each.tabIndex > 0) faults.push(`its own place in the tab order: ${about(each)}`);
  if (!document.documentElement.lang) faults.push("no language");

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => (part * a) / 255 + below[at] * (1 - a / 255));
  const light = (colour) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const parts = colour.map((part) => linear(part / 255));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = (each) => {
    const layers = [];
    for (let at = each; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const checked = new Set();
  for (const each of all("main *, header *, nav *, dialog *")) {
    const says = [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!says || each.closest("svg, .CodeMirror, :disabled")) continue;
    const colour = getComputedStyle(each).color;
    const below = ground(each);
    const key = `${colour} ${below}`;
    if (checked.has(key)) continue;
    checked.add(key);
    const [high, low] = [light(over(rgba(colour), below)), light(below)].sort((one, other) => other - one);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${about(each)}`);
  }
  return faults;
};
