// The gateway's API as the console calls it: with the key of this tab, and with errors in the server's own words.

const KEY = "beamsplitter.key";
const LONGEST_EVENT = 1 << 20;
// The console may be served below a path of somebody's own; the API is where the console's folder is.
const ROOT = new URL("..", import.meta.url);

/** Tells when a key is no longer good: an event "refused", with the server's words as `detail`. */
export const session = new EventTarget();

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = null, param = null, body = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.param = param;
    this.body = body;
  }
}

/** Returns whether somebody signed in. */
export function hasKey() {
  return Boolean(sessionStorage.getItem(KEY));
}

/** Remembers the key for as long as this tab is open. */
export function setKey(key) {
  sessionStorage.setItem(KEY, key);
}

/** Forgets the key; drafts of this tab are there for whoever signs in again. */
export function forgetKey() {
  sessionStorage.removeItem(KEY);
}

/** Forgets the key, and with it all that this tab remembered. */
export function forgetAll() {
  sessionStorage.clear();
}

/** Returns the whole address of a path of the API. */
export function address(path) {
  return new URL(path.replace(/^\//, ""), ROOT).href;
}

/** Returns the JSON that a path answers with; throws `ApiError`. */
export async function api(path, options = {}) {
  const response = await apiRaw(path, options);
  if (response.status === 204) return null;
  const text = await read(response);
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    throw new ApiError(`${path} did not answer with JSON. Is this address the gateway's own?`, {
      status: response.status,
      code: "not_json",
    });
  }
}

/** Returns the response of a path, which is a success; throws `ApiError`. */
export async function apiRaw(path, { method = "GET", body, headers = {}, signal } = {}) {
  const sent = new Headers(headers);
  const key = sessionStorage.getItem(KEY);
  if (key && !sent.has("x-portkey-api-key")) sent.set("x-portkey-api-key", key);
  let payload = body;
  if (body !== undefined && !(body instanceof FormData || body instanceof Blob || typeof body === "string")) {
    payload = JSON.stringify(body);
  }
  if (payload !== undefined && !(payload instanceof FormData) && !sent.has("content-type")) {
    sent.set("content-type", "application/json");
  }
  let response;
  try {
    response = await fetch(address(path), {
      method,
      headers: sent,
      body: payload,
      signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
  } catch (error) {
    throw unreached(error);
  }
  if (response.ok) return response;
  const error = await refusal(response);
  // A key that was replaced meanwhile says nothing about the one in use now.
  if (response.status === 401 && key && key === sessionStorage.getItem(KEY)) {
    forgetKey();
    session.dispatchEvent(new CustomEvent("refused", { detail: error.message }));
  }
  throw error;
}

/**
 * Hands over each event of a stream, with its name, as it comes, after `onOpen`; returns when the stream ends, throws
 * `ApiError`.
 */
export async function stream(path, onEvent, { signal, onOpen } = {}) {
  const response = await apiRaw(path, { signal, headers: { accept: "text/event-stream" } });
  onOpen?.();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = events.pop();
      if (rest.length > LONGEST_EVENT) {
        throw new ApiError("An event of the stream is longer than any should be; reload the page.", {
          code: "stream_too_long",
        });
      }
      for (const event of events) take(event, onEvent);
    }
  } catch (error) {
    throw unreached(error);
  } finally {
    reader.cancel().catch(() => {});
  }
}

function take(event, onEvent) {
  const data = fieldOf(event, "data");
  if (data === "") return;
  const value = parsed(data);
  if (value !== null) onEvent(value, fieldOf(event, "event") || "message");
}

function fieldOf(event, name) {
  return event
    .split("\n")
    .filter((line) => line.startsWith(`${name}:`))
    .map((line) => line.slice(name.length + 1).replace(/^ /, ""))
    .join("\n");
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function read(response) {
  try {
    return await response.text();
  } catch (error) {
    throw unreached(error);
  }
}

async function refusal(response) {
  const { status } = response;
  const text = await read(response);
  const body = parsed(text);
  if (typeof body?.error?.message === "string") {
    const { message, code, param } = body.error;
    return new ApiError(message, { status, code, param, body });
  }
  const words = text.trim().slice(0, 300) || response.statusText || "no words";
  return new ApiError(`The server answered ${status}: ${words}`, { status, body });
}

function unreached(error) {
  if (error instanceof ApiError || error?.name === "AbortError") return error;
  return new ApiError("The gateway cannot be reached. See that it runs, and that this browser may reach it.", {
    code: "unreachable",
  });
}
