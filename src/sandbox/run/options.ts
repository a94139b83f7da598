import { Command, CommanderError, InvalidArgumentError } from "commander";
import { faultStories } from "./fault-stories.ts";

/** What `npm run sandbox -- …` was asked for. */
export interface SandboxOptions {
  /** A person's own data for the source, plain SQL or pg_dump's custom format. */
  readonly load?: string;
  /** Sample data to make, in bytes. */
  readonly sizeBytes?: number;
  readonly handsOn: boolean;
  readonly keep: boolean;
  readonly seed: number;
  readonly fault?: string;
  /** Slack reaches the bot over sockets that the bot opens, instead of signed HTTP requests. */
  readonly socket?: boolean;
  readonly info?: string;
  readonly report?: string;
}

/**
 * Reads the arguments. `undefined` when help (or the list of faults) was printed and nothing is to be done.
 * Wrong usage ends with exit status 2 and one line that names the rule.
 */
export function parseOptions(argv: readonly string[]): SandboxOptions | undefined {
  const command = new Command("npm run sandbox --")
    .description("Plays a whole migration on this machine: real PostgreSQL, Redis, Bolt and AWS SDK around stand-ins.")
    .option("--load <file>", "your own data: a plain SQL file or a `pg_dump -Fc` file")
    .option("--size <bytes>", "how much sample data to make: 200MB, 2GB", parseSize)
    .option("--hands-on", "nobody plays the people: you type and react in the browser", false)
    .option("--keep", "leave everything running at the end", false)
    .option("--seed <number>", "repeat a run", parseSeed)
    .option("--fault <name>", "show a fault and the safe return from it; `--fault list` names them")
    .option("--socket", "Slack reaches the bot over sockets (Socket Mode) instead of HTTP")
    .option("--info <file>", "write the addresses and process ids as JSON, kept current")
    .option("--report <file>", "write the end report as JSON")
    .exitOverride();
  try {
    command.parse([...argv], { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    process.exitCode = thrown.exitCode === 0 ? 0 : 2;
    return undefined;
  }
  const { size, seed, ...rest } = command.opts<RawOptions>();
  if (rest.fault === "list") {
    for (const story of faultStories) process.stdout.write(`${story.name.padEnd(22)} ${story.what}\n`);
    return undefined;
  }
  if (rest.fault !== undefined && !faultStories.some(({ name }) => name === rest.fault)) {
    process.stderr.write(`--fault ${rest.fault}: there is no such fault; \`--fault list\` names them\n`);
    process.exitCode = 2;
    return undefined;
  }
  return { ...rest, seed: seed ?? 20_261, ...(size === undefined ? {} : { sizeBytes: size }) };
}

type RawOptions = Omit<SandboxOptions, "sizeBytes" | "seed"> & { readonly size?: number; readonly seed?: number };

/** `2GB`, `500MB`, `64kB` or plain bytes. */
export function parseSize(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(text.trim());
  const unit = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 }[(parts?.[2] ?? "b").toLowerCase()];
  if (parts?.[1] === undefined || unit === undefined) throw new InvalidArgumentError("a size such as 200MB or 2GB");
  return Math.round(Number(parts[1]) * unit);
}

function parseSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}
