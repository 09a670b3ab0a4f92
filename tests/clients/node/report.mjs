// What a script found, told to the test that runs it; pictures by their hash, as they are large.
import { File } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";

export const [, , url, folder] = process.argv;

export function stream(name) {
  return createReadStream(`${folder}/${name}`);
}

// Several pictures are given as files: of several streams some SDKs send first what they have read first.
export function file(name, type) {
  return new File([readFileSync(`${folder}/${name}`)], name, { type });
}

export function hashed(answer) {
  return answer.data.map((item) => createHash("sha256").update(item.b64_json, "base64").digest("hex"));
}

export async function events(stream) {
  const types = [];
  let usage = null;
  for await (const event of stream) {
    types.push(event.type);
    usage = event.usage ?? usage;
  }
  return { types, tokens: usage?.output_tokens ?? null };
}

export async function failure(request) {
  try {
    await request();
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
  return null;
}

export function told(findings) {
  process.stdout.write(JSON.stringify(findings));
}
