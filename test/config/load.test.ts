import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configDigest, loadConfig, parseConfig } from "../../src/config/load.ts";
import { readSecrets } from "../../src/config/secrets.ts";
import { asDrawbridgeError, type DrawbridgeError } from "../../src/errors.ts";

const example = readFileSync(join(resolve(import.meta.dirname, "../.."), "drawbridge.example.yaml"), "utf8");
const treeSchema = z.record(z.string(), z.unknown());
type Tree = z.infer<typeof treeSchema>;
const good = (): Tree => treeSchema.parse(parse(example));

/** The example with some keys of one section changed. */
function changed(content: Tree, section: string, keys: Tree): Tree {
  return { ...content, [section]: { ...treeSchema.parse(content[section]), ...keys } };
}

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "drawbridge-config-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

function faultOf(act: () => unknown): DrawbridgeError {
  try {
    act();
  } catch (thrown) {
    return asDrawbridgeError(thrown);
  }
  throw new Error("nothing was thrown");
}

describe("the configuration", () => {
  test("tells a wrong type from a missing key, and a CIDR that cannot be", () => {
    const content = changed(good(), "policy", { markerSeconds: "3m-of-secret" });
    const { message } = faultOf(() => parseConfig(content, "drawbridge.yaml"));
    expect(message).toMatch(/policy\.markerSeconds: (?!missing)/);
    expect(message).not.toContain("3m-of-secret");
    const aws = treeSchema.parse(good()["aws"]);
    const bridge = { ...treeSchema.parse(aws["bridge"]), ingressCidrs: ["203.0.113.7/33"] };
    const wrong = faultOf(() => parseConfig(changed(good(), "aws", { bridge }), "drawbridge.yaml"));
    expect(wrong.message).toMatch(/aws\.bridge\.ingressCidrs\.0: a CIDR/);
  });

  test("names every mistake at once, with path and rule, and shows no value", () => {
    let content = changed(good(), "heroku", { app: "", tokn: "HRKU-secret-in-the-wrong-place" });
    content = changed(content, "approvals", { required: 1 });
    content = changed(content, "aws", { bucket: undefined });
    const { code, message } = faultOf(() => parseConfig(content, "drawbridge.yaml"));
    expect(code).toBe("DB_CONFIG");
    for (const path of ["heroku.app", "heroku.tokn: no such setting", "approvals.required", "aws.bucket: missing"]) {
      expect(message).toContain(path);
    }
    expect(message).toContain("4 mistakes");
    expect(message).not.toContain("secret-in-the-wrong-place");
  });

  test("keeps approving and stopping apart, and takes emoji by the name that Slack reports", () => {
    const same = changed(good(), "approvals", { approveEmoji: "tada", vetoEmoji: "tada" });
    expect(faultOf(() => parseConfig(same, "it")).message).toContain("approvals.vetoEmoji: another emoji");
    const colons = changed(good(), "approvals", { approveEmoji: ":white_check_mark:" });
    expect(faultOf(() => parseConfig(colons, "it")).message).toContain("approvals.approveEmoji");
  });

  test("lets Slack come over HTTP unless sockets are chosen", () => {
    expect(parseConfig(good(), "it").slack.mode).toBe("http");
    expect(parseConfig(changed(good(), "slack", { mode: "socket" }), "it").slack.mode).toBe("socket");
    const wrong = changed(good(), "slack", { mode: "pigeon" });
    expect(faultOf(() => parseConfig(wrong, "it")).message).toContain("slack.mode");
  });

  test.for([
    ["heroku", "apiUrl"],
    ["aws", "endpoint"],
    ["aws", "s3Endpoint"],
    ["slack", "apiUrl"],
    ["archive", "endpoint"],
  ])("%s.%s may only lead to this machine: it would send credentials to a stranger", ([section = "", key = ""]) => {
    const away = changed(good(), section, { [key]: "https://api.heroku.com.example.org/" });
    expect(faultOf(() => parseConfig(away, "it")).message).toContain(`${section}.${key}`);
    const here = changed(good(), section, { [key]: "http://127.0.0.1:4000/" });
    expect(() => parseConfig(here, "it")).not.toThrow();
  });

  test("never lets one account be two people, nor one person two entries", () => {
    const approvers = [
      { person: "ann", slack: ["U0ANN000001"] },
      { person: "bob", slack: ["U0ANN000001"] },
      { person: "ann", slack: ["U0ANN000002"] },
    ];
    const content = changed(good(), "approvals", { approvers });
    const { message } = faultOf(() => parseConfig(content, "it"));
    expect(message).toContain("one Slack account belongs to one person");
    expect(message).toContain("each person is listed once");
  });

  test("that is no YAML is refused by line, without quoting it", () => {
    const file = join(folder, "broken.yaml");
    writeFileSync(file, "heroku:\n  token: 'HRKU-pasted-by-mistake\n  app: [");
    const { code, message } = faultOf(() => loadConfig(file));
    expect(code).toBe("DB_CONFIG");
    expect(message).toMatch(/line \d+, column \d+/);
    expect(message).not.toContain("pasted");
    expect(faultOf(() => loadConfig(join(folder, "none.yaml"))).message).toContain("no such file");
  });

  test("has a digest that follows its meaning and not its order", () => {
    const digest = configDigest(parseConfig(good(), "it"));
    const turned = Object.fromEntries(Object.entries(good()).toReversed());
    expect(configDigest(parseConfig(turned, "it"))).toBe(digest);
    const other = changed(good(), "approvals", { expiresMinutes: 31 });
    expect(configDigest(parseConfig(other, "it"))).not.toBe(digest);
  });
});

describe("secrets", () => {
  const bot = { DRAWBRIDGE_JOURNAL_URL: "postgres://a:b@c/d", DRAWBRIDGE_REDIS_URL: "redis://e", SLACK_BOT_TOKEN: "x" };

  test("come from the environment or from files, each role its own, and cannot be printed", () => {
    const file = join(folder, "signing");
    writeFileSync(file, "shhh\n");
    const secrets = readSecrets("bot", { ...bot, SLACK_SIGNING_SECRET_FILE: file, HEROKU_API_TOKEN: "not the bot's" });
    expect(secrets.SLACK_SIGNING_SECRET.reveal()).toBe("shhh");
    expect(Object.keys(secrets)).not.toContain("HEROKU_API_TOKEN");
    expect(`${JSON.stringify(secrets)} ${String(secrets.SLACK_BOT_TOKEN)}`).not.toMatch(/shhh|postgres/);
  });

  test("that are missing, empty or too short are all named", () => {
    const { message } = faultOf(() => readSecrets("worker", { ...bot, DRAWBRIDGE_KEY: "short", HEROKU_API_TOKEN: "" }));
    for (const name of [
      "DRAWBRIDGE_KEY: at least 32",
      "HEROKU_API_TOKEN: missing",
      "DRAWBRIDGE_AGENT_REDIS_URL: missing",
    ]) {
      expect(message).toContain(name);
    }
    expect(message).not.toContain("short");
  });
});
