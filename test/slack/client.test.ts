import { createServer } from "node:http";
import { expect, it } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";
import { Secret } from "../../src/redact.ts";
import { openClients, slackFault } from "../../src/slack/client.ts";
import { settings } from "./settings.ts";

/** A Slack that says 429 to everything of one method; counts what it is asked. */
async function limited(method: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const name = request.url?.split("/").at(-1) ?? "";
    asked.push(name);
    if (name === method) response.writeHead(429, { "retry-after": "1" }).end();
    else response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const slack = { ...settings.slack, apiUrl: `http://127.0.0.1:${port}/api/` };
  const stop = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return { asked, clients: openClients({ ...settings, slack }, new Secret("xoxb-1"), silentLog), stop };
}

it("after a 429 the method is left alone for as long as Slack said, other methods go on", async () => {
  const { asked, clients, stop } = await limited("chat.update");
  const update = (): Promise<unknown> =>
    clients.chatter.chat.update({ channel: "C1", ts: "1.1", text: "x" }).catch((thrown: unknown) => slackFault(thrown));
  const began = performance.now();
  expect(await update()).toMatchObject({ kind: "limited", afterMs: 1_000 });
  const second = await update();
  expect(second).toMatchObject({ kind: "limited" });
  await clients.chatter.chat.postMessage({ channel: "C1", text: "x" });
  expect(asked).toEqual(["chat.update", "chat.postMessage"]);
  await waitFor(async () => (await update(), asked.length === 3), {
    what: "a second try",
    deadlineMs: 5_000,
    everyMs: 20,
  });
  expect(performance.now() - began).toBeGreaterThanOrEqual(995);
  await stop();
});

it("looks at reactions keep a reserve of Slack's limit for the attestation", async () => {
  const { asked, clients, stop } = await limited("none");
  const look = (client: typeof clients.votes): Promise<boolean> =>
    client.reactions.get({ channel: "C1", timestamp: "1.1" }).then(
      () => true,
      () => false,
    );
  const looks: boolean[] = [];
  for (let n = 0; n < 60; n += 1) looks.push(await look(clients.votes));
  expect(looks.filter(Boolean).length).toBeLessThanOrEqual(42);
  expect(await look(clients.attest)).toBe(true);
  expect(asked.length).toBeLessThanOrEqual(43);
  await stop();
});
