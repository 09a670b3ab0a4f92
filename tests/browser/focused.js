// What has the focus, whether one sees that, and where it stands in the document.
() => {
  const each = document.activeElement;
  const outlined = (part) => {
    const style = getComputedStyle(part);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  };
  const shown = outlined(each) || (each.firstElementChild !== null && outlined(each.firstElementChild));
  const box = each.getBoundingClientRect();
  return {
    what: each === document.body ? null : each.outerHTML.slice(0, 120),
    shown: shown || Boolean(each.closest(".CodeMirror")),
    place: [...document.querySelectorAll("*")].indexOf(each),
    sized: box.width > 0 && box.height > 0,
  };
};
