import { Portkey } from "portkey-ai";

import { events, failure, file, hashed, stream, told, url } from "./report.mjs";

const options = { baseURL: `${url}/v1`, apiKey: "test-portkey-key-not-real", maxRetries: 0 };
const client = new Portkey({ ...options, virtualKey: "images-team" });
const stored = new Portkey({ ...options, config: "with-backup" });
const inline = new Portkey({ ...options, config: { provider: "sandbox" } });
const model = "gpt-image-2";
const image = () => stream("image.png");
const several = [file("image.png", "image/png"), file("second.jpeg", "image/jpeg")];
const mask = () => stream("mask.png");

const answer = await client.images.generate({ model, prompt: "an otter", n: 2 });

told({
  generated: hashed(answer),
  provider: answer.getHeaders()["provider"],
  edited: hashed(await client.images.edit({ model, image: image(), prompt: "in the rain" })),
  several: hashed(await client.images.edit({ model, image: several, mask: mask(), prompt: "a hat" })),
  fallback: hashed(await stored.images.edit({ model, image: several, mask: mask(), prompt: "a hat" })),
  varied: hashed(
    await client.images.createVariation({ model: "dall-e-2", image: image(), response_format: "b64_json" }),
  ),
  painted: hashed(await inline.images.generate({ model: "sandbox", prompt: "an otter", size: "64x64" })).length,
  streamed: await events(
    await client.images.generate({ model, prompt: "an otter", stream: true, partial_images: 2 }),
  ),
  streamed_edit: await events(
    await client.images.edit({ model, image: image(), prompt: "in the rain", stream: true, partial_images: 1 }),
  ),
  unsupported: await failure(() => client.images.edit({ model: "dall-e-3", image: image(), prompt: "in the rain" })),
  refused: await failure(() => client.images.generate({ model: "refused", prompt: "an otter" })),
  listed: (await client.models.list()).data.some((one) => one.id === model),
});
