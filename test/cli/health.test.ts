import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkHealth } from "../../src/cli/health.ts";
import { keepBeating } from "../../src/cli/heartbeat.ts";
import { waitFor } from "../../src/clock.ts";
import { silentLog } from "../../src/log.ts";

let home: string;
let file: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-health-"));
  file = join(home, "beat");
});
afterEach(() => rm(home, { recursive: true, force: true }));

const read = (): Promise<string> => readFile(file, "utf8").catch(() => "");

describe("a worker's health", () => {
  it("is its heartbeat, which needs a journal that answers", async () => {
    const stop = new AbortController();
    let answers = true;
    const probe = async (): Promise<void> => {
      if (!answers) throw new Error("gone");
    };
    const beating = keepBeating({ file, probe, log: silentLog, signal: stop.signal, everyMs: 5 });
    const first = await waitFor(async () => (await read()) || undefined, {
      deadlineMs: 5000,
      everyMs: 5,
      what: "a beat",
    });
    await waitFor(async () => (await read()) > first, { deadlineMs: 5000, everyMs: 5, what: "another" });
    expect(await checkHealth("worker", { port: 1, file, nowMs: Date.now() })).toMatch(/worker is well/);
    answers = false;
    const late = { port: 1, file, nowMs: Date.now() + 60_000 };
    await expect(checkHealth("worker", late)).rejects.toThrow(/heartbeat is \d+ s old/);
    stop.abort();
    await beating;
    expect(await read()).toBe("");
  });

  it("is bad without a heartbeat", async () => {
    await expect(checkHealth("worker", { port: 1, file, nowMs: 0 })).rejects.toThrow(/no heartbeat/);
    await expect(checkHealth("cook", { port: 1, file, nowMs: 0 })).rejects.toThrow(/bot, worker or serve/);
  });

  it("is bad when nobody said where the heartbeat lies", async () => {
    await expect(checkHealth("worker", { port: 1, file: undefined, nowMs: 0 })).rejects.toThrow(
      /DRAWBRIDGE_HEARTBEAT_FILE/,
    );
  });
});

describe("the bot's health", () => {
  it("is what it says of itself", async () => {
    let status = 200;
    let body = "{}";
    const server = createServer((_request, response) => response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      expect(await checkHealth("bot", { port, file, nowMs: 0 })).toBe("bot is well");
      await expect(checkHealth("serve", { port, file, nowMs: 0 })).rejects.toThrow(/worker has left no heartbeat/);
      await writeFile(file, new Date(0).toISOString());
      expect(await checkHealth("serve", { port, file, nowMs: 10_000 })).toMatch(
        /bot is well; worker is well: heartbeat 10 s/,
      );
      const trouble = { place: "C1", error: "is_archived", since: "2026-11-22T10:00:00Z" };
      body = JSON.stringify({ ok: true, troubles: [trouble] });
      expect(await checkHealth("bot", { port, file, nowMs: 0 })).toBe(
        "bot is well, but C1 takes no messages (is_archived since 2026-11-22T10:00:00Z)",
      );
      status = 503;
      await expect(checkHealth("bot", { port, file, nowMs: 0 })).rejects.toThrow(/503/);
    } finally {
      server.close();
    }
    await expect(checkHealth("bot", { port, file, nowMs: 0 })).rejects.toThrow(/does not answer/);
  });
});
