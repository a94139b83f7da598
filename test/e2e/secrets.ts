import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { adminRole, masterRole, replicationRole } from "../../src/migration/databases.ts";
import { derivePassword } from "../../src/postgres/scram.ts";
import { Secret } from "../../src/redact.ts";
import { migrationName } from "../../src/sandbox/run/config-file.ts";
import { lives } from "../support/sandbox.ts";

/** Where a secret of this run was seen: a sink and what stood around it, the secret itself left out. */
export type Leak = string;

/** Collects what a run shows, and the secrets that its processes hold, to see whether any of these is among that. */
export interface SecretWatch extends AsyncDisposable {
  /** Looks at processes once; called often, since some live only for a moment. */
  look(): Promise<void>;
  /** The journal's rows as they are now, and what Redis heard until now. */
  takeJournal(): Promise<void>;
  /** Every place where a secret showed. `also`: further sinks by name. */
  leaks(also: Readonly<Record<string, string>>): readonly Leak[];
  /** How many secrets are known. */
  count(): number;
}

const secretNames = /TOKEN|SECRET|PASSWORD|_KEY$|^DRAWBRIDGE_KEY$/;

/** Secrets that a process never keeps: by their form. `response_url`s as Slack and its stand-in make them. */
const forms: readonly RegExp[] = [
  /\/(?:commands|actions|response)\/T[A-Z0-9]+\/\d{6,}\/[A-Za-z0-9]{12,}/,
  /\bxox[a-z]-[\w-]{8,}/,
  /\bHRKU-[\w-]{20,}/,
  /\b[a-z]+:\/\/[^\s:/@"'[\]]+:(?!\[secret\])[^\s@"'\\]{6,}@/,
];

/** What is watched: its processes, as they are now, and where its servers are. */
export interface Watched {
  readonly processes: () => readonly { readonly role: string; readonly pid: number }[];
  readonly source: { readonly url: string };
  readonly journal: { readonly url: string };
  readonly redis: { readonly url: string };
}

/** Opens the watch over a run. The secrets are read from the environments of its own processes; `more` are known beforehand. */
export async function watchSecrets(info: Watched, more: readonly string[] = []): Promise<SecretWatch> {
  const secrets = new Set<string>(more);
  const commands = new Set<string>();
  const heard = new Set<string>();
  let journal = "";
  for (const { url } of [info.source, info.journal]) addUrl(secrets, url);
  const redis = new Redis(info.redis.url, { retryStrategy: () => 200 });
  redis.on("error", () => undefined);
  const monitor = await redis.monitor();
  monitor.on("error", () => undefined);
  monitor.on("monitor", (_time: string, args: readonly string[]) => heard.add(args.join(" ")));
  return {
    look: async () => {
      for (const { role, pid } of info.processes()) {
        if (/^(worker|bot|agent|dyno)/.test(role) && lives(pid)) readEnvironment(pid, secrets);
      }
      readCommands(commands);
    },
    takeJournal: async () => {
      journal = await dumpJournal(info.journal.url);
      for (const line of await dumpRedis(redis)) heard.add(line);
    },
    leaks: (also) => {
      const sinks = { argv: [...commands].join("\n"), redis: [...heard].join("\n"), journal, ...also };
      return Object.entries(sinks).flatMap(([sink, text]) => leaksIn(sink, text, secrets));
    },
    count: () => secrets.size,
    [Symbol.asyncDispose]: async () => {
      monitor.disconnect();
      redis.disconnect();
    },
  };
}

function addUrl(secrets: Set<string>, url: string): void {
  if (!URL.canParse(url)) return;
  const { password } = new URL(url);
  if (password.length >= 8) secrets.add(decodeURIComponent(password));
}

function readEnvironment(pid: number, secrets: Set<string>): void {
  for (const entry of read(`/proc/${pid}/environ`).split("\0")) {
    const [name = "", ...rest] = entry.split("=");
    const value = rest.join("=");
    if (name.endsWith("_URL")) addUrl(secrets, value);
    else if (secretNames.test(name) && value.length >= 12) secrets.add(value);
    if (name === "DRAWBRIDGE_KEY") addDerived(secrets, value);
  }
}

/** The passwords that Drawbridge makes under its key. */
function addDerived(secrets: Set<string>, key: string): void {
  for (const role of [adminRole, replicationRole, masterRole, `drawbridge_agent_${migrationName}`]) {
    secrets.add(derivePassword(new Secret(key), migrationName, role, 1).reveal());
  }
}

/** Every key of Redis with what it holds, job data included. */
async function dumpRedis(redis: Redis): Promise<string[]> {
  const lines: string[] = [];
  for (const key of await redis.keys("*")) {
    const held = await redis.dumpBuffer(key);
    const fields = (await redis.type(key)) === "hash" ? JSON.stringify(await redis.hgetall(key)) : "";
    lines.push(`${key} ${held?.toString("latin1") ?? ""} ${fields}`);
  }
  return lines;
}

function readCommands(commands: Set<string>): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    commands.add(read(`/proc/${pid}/cmdline`).replaceAll("\0", " "));
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // it has ended meanwhile
    return "";
  }
}

async function dumpJournal(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "select quote_ident(tablename) as name from pg_tables where schemaname = 'journal'",
    );
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from journal.${name} t`);
      texts.push(...rows.map(({ row }) => row));
    }
    return texts.join("\n");
  } finally {
    await client.end();
  }
}

function leaksIn(sink: string, text: string, secrets: ReadonlySet<string>): Leak[] {
  const places = [
    ...[...secrets].flatMap((secret) => [text.indexOf(secret), text.indexOf(encodeURIComponent(secret))]),
    ...forms.map((form) => text.search(form)),
  ];
  return [...new Set(places)]
    .filter((at) => at >= 0)
    .map((at) => `${sink}: …${text.slice(Math.max(0, at - 120), at)}[secret]`);
}

/** Everything that stands in Slack: every channel, direct message, ephemeral text, view and file name. */
export async function allOfSlack(control: string): Promise<string> {
  const answer = await fetch(`${control}/stream`, { signal: AbortSignal.timeout(20_000) });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    // the stream never ends: its second event holds all messages
    if (/event: messages\ndata: .*\n\n/.test(text)) break;
  }
  return text;
}

/** The text of every log of a run, those of its PostgreSQL servers included. */
export function allLogs(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".log") && !path.includes("/data/"))
    .map((path) => read(join(directory, path)))
    .join("\n");
}
