// What differs between two texts, line by line: the shortest way from one to the other, by Myers' method.

const MOST_STEPS = 1200;

/** Returns the lines of both as `{kind: "same" | "removed" | "added", before, after, text}`, numbered from 1. */
export function lineChanges(before, after) {
  const old = linesOf(before);
  const now = linesOf(after);
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) {
    head += 1;
  }
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail) === now.at(-1 - tail)) {
    tail += 1;
  }
  const kinds = [
    ...Array(head).fill("same"),
    ...middle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...Array(tail).fill("same"),
  ];
  let one = 0;
  let other = 0;
  return kinds.map((kind) => {
    const text = kind === "added" ? now[other] : old[one];
    one += kind === "added" ? 0 : 1;
    other += kind === "removed" ? 0 : 1;
    return { kind, before: kind === "added" ? null : one, after: kind === "removed" ? null : other, text };
  });
}

/** Tells how many lines were added and removed. */
export function countOf(changes) {
  const number = (kind) => changes.filter((line) => line.kind === kind).length;
  return { added: number("added"), removed: number("removed") };
}

function linesOf(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

function middle(old, now) {
  const reach = Math.min(old.length + now.length, MOST_STEPS);
  const ends = new Int32Array(2 * reach + 2);
  const trace = [];
  for (let steps = 0; steps <= reach; steps += 1) {
    trace.push(ends.slice(reach - steps, reach + steps + 1));
    for (let diagonal = -steps; diagonal <= steps; diagonal += 2) {
      const down = isDown(ends, reach, diagonal, steps);
      let x = down ? ends[reach + diagonal + 1] : ends[reach + diagonal - 1] + 1;
      while (x < old.length && x - diagonal < now.length && old[x] === now[x - diagonal]) {
        x += 1;
      }
      ends[reach + diagonal] = x;
      if (x >= old.length && x - diagonal >= now.length) {
        return wayBack(trace, old.length, now.length);
      }
    }
  }
  // Two texts with next to nothing in common: the shortest way would take long to find and tell nobody anything.
  return [...old.map(() => "removed"), ...now.map(() => "added")];
}

function isDown(ends, middleIndex, diagonal, steps) {
  const left = ends[middleIndex + diagonal - 1];
  const right = ends[middleIndex + diagonal + 1];
  return diagonal === -steps || (diagonal !== steps && left < right);
}

function wayBack(trace, oldLength, newLength) {
  const kinds = [];
  let x = oldLength;
  let y = newLength;
  for (let steps = trace.length - 1; steps > 0; steps -= 1) {
    const ends = trace[steps];
    const diagonal = x - y;
    const down = isDown(ends, steps, diagonal, steps);
    const from = diagonal + (down ? 1 : -1);
    const startX = ends[steps + from];
    const startY = startX - from;
    while (x > startX && y > startY) {
      kinds.push("same");
      x -= 1;
      y -= 1;
    }
    kinds.push(down ? "added" : "removed");
    x = startX;
    y = startY;
  }
  kinds.push(...Array(x).fill("same"));
  return kinds.reverse();
}
