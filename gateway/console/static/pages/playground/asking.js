// One request of the Playground: as it is sent, what came of it, and the record that it left.

import { address, api, ApiError, apiRaw } from "../../api.js";

const PATH = "/v1/images/generations";
// A record is seen half a second after the answer; a busy machine may take longer.
const LOOKS_MS = [150, 350, 600, 1000, 2000, 3000];

/** Returns the path, headers and body of a request, as they are sent and as curl would send them. */
export function asked(request, way, assume) {
  const headers = { ...way.headers };
  if (Object.keys(request.metadata).length) headers["x-portkey-metadata"] = ascii(JSON.stringify(request.metadata));
  if (assume) headers["x-gateway-assume"] = assume;
  return { path: PATH, headers, body: { ...request.body, ...way.body } };
}

/** Sends a request and returns `{answer, error, headers, ms, trace}`; throws where it was given up. */
export async function paint(ask, signal) {
  const trace = traceId();
  const began = performance.now();
  const done = (rest) => ({
    trace,
    ms: performance.now() - began,
    answer: null,
    error: null,
    headers: new Headers(),
    ...rest,
  });
  try {
    const response = await send(ask, { "x-portkey-trace-id": trace }, signal);
    return done({ answer: await response.json(), headers: response.headers });
  } catch (error) {
    if (signal.aborted) throw error;
    return done({
      error:
        error instanceof ApiError ? error : new ApiError("The answer broke off. Look into the log, then try again."),
    });
  }
}

/** Returns the story of where a request would go; throws `ApiError`. */
export async function explain(ask, signal) {
  return (await send(ask, { "x-gateway-explain": "true" }, signal)).json();
}

/** Returns the record of a request with its details, null where none is to be found. */
export async function recordOf(trace, signal) {
  for (const wait of LOOKS_MS) {
    await pause(wait, signal);
    const { data } = await api(`/v1/logs?trace_id=${encodeURIComponent(trace)}&page_size=1`, { signal });
    if (data.length) return api(`/v1/logs/${encodeURIComponent(data[0].id)}`, { signal });
  }
  return null;
}

/** Returns the line that sends the same from a shell; the key is named, never shown. */
export function curl({ path, headers, body }) {
  const lines = [
    `curl -s ${quoted(address(path))}`,
    '-H "x-portkey-api-key: $BEAMSPLITTER_ADMIN_KEY"',
    "-H 'content-type: application/json'",
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `-d ${quoted(JSON.stringify(body))}`,
  ];
  return lines.join(" \\\n  ");
}

function send({ path, headers, body }, more, signal) {
  return apiRaw(path, { method: "POST", headers: { ...headers, ...more }, body, signal });
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Headers hold no letters but these; JSON has a way to write all others.
function ascii(json) {
  return json.replace(/[\u007f-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function traceId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `playground-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}
