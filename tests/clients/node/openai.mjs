import OpenAI, { toFile } from "openai";

import { events, failure, file, hashed, stream, told, url } from "./report.mjs";

const client = new OpenAI({
  baseURL: `${url}/v1`,
  apiKey: "test-any-key-not-real",
  maxRetries: 0,
  defaultHeaders: { "x-portkey-virtual-key": "images-team" },
});
const model = "gpt-image-2";
const image = () => stream("image.png");
const several = [file("image.png", "image/png"), file("second.jpeg", "image/jpeg")];
const mask = () => stream("mask.png");

const raw = await client.images.generate({ model, prompt: "an otter", n: 2 }).withResponse();
const linked = await client.images.generate({ model, prompt: "an otter", response_format: "url" });

told({
  generated: hashed(raw.data),
  provider: raw.response.headers.get("x-portkey-provider"),
  linked: (await fetch(linked.data[0].url)).headers.get("content-type"),
  edited: hashed(await client.images.edit({ model, image: image(), prompt: "in the rain" })),
  several: hashed(await client.images.edit({ model, image: several, mask: mask(), prompt: "a hat" })),
  fallback: hashed(
    await client.images.edit(
      { model, image: several, mask: mask(), prompt: "a hat" },
      { headers: { "x-portkey-virtual-key": null, "x-portkey-config": "with-backup" } },
    ),
  ),
  varied: hashed(
    await client.images.createVariation({ model: "dall-e-2", image: image(), response_format: "b64_json" }),
  ),
  streamed: await events(
    await client.images.generate({ model, prompt: "an otter", stream: true, partial_images: 2 }),
  ),
  streamed_edit: await events(
    await client.images.edit({ model, image: image(), prompt: "in the rain", stream: true, partial_images: 1 }),
  ),
  broken_stream: await failure(async () =>
    events(
      await client.images.generate({ model: "stream-cut", prompt: "an otter", stream: true, partial_images: 1 }),
    ),
  ),
  invalid: await failure(async () =>
    client.images.edit({ model, image: await toFile(Buffer.from("no picture at all"), "a.png"), prompt: "a hat" }),
  ),
  unsupported: await failure(() => client.images.edit({ model: "dall-e-3", image: image(), prompt: "in the rain" })),
  refused: await failure(() => client.images.generate({ model: "refused", prompt: "an otter" })),
  listed: (await client.models.list()).data.some((one) => one.id === model),
  retrieved: (await client.models.retrieve(model)).id,
});
