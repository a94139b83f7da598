import { type Command, InvalidArgumentError, Option } from "commander";
import type { RestoreMode } from "../../archive/wal/serve-restores.ts";
import { DrawbridgeError } from "../../errors.ts";
import type { CheckOptions } from "./check-command.ts";
import type { CourierOptions } from "./courier-command.ts";
import type { ListOptions } from "./list-command.ts";
import { type ArchivePlace, parseArchivePlace } from "./prefix.ts";
import type { RestoreCommandOptions } from "./restore-command.ts";
import type { WalCommandOptions } from "./wal-command.ts";

const statuses = `
Exit status: 0 done; 1 refused, with a code that RUNBOOK.md explains; 2 wrong usage; 3 interrupted (Ctrl-C, expired keys,
network away): the same command goes on.

S3 keys come from where the AWS SDK finds them: AWS_ACCESS_KEY_ID and so on, AWS_PROFILE, or the instance's role.
The archive is only read.`;

/** Adds `archive list | check | restore | wal`. Each loads its code only when it runs. */
export function addArchive(program: Command): void {
  const archive = program
    .command("archive")
    .description("read a WAL-E or WAL-G archive: needs no Slack, journal or Redis")
    .addHelpText("after", statuses);
  addList(archive);
  addCheck(archive);
  addRestore(archive);
  addWal(archive);
  addCourier(archive);
}

function addList(archive: Command): void {
  common(archive.command("list"), "the base backups, newest last, and whether their WAL is complete")
    .addHelpText(
      "after",
      examples("archive list --prefix s3://bucket/path", "archive list --prefix file:///mnt/archive --json"),
    )
    .action(async (options: ListOptions) => (await import("./list-command.ts")).listCommand(options));
}

function addCheck(archive: Command): void {
  common(archive.command("check"), "read every byte that a restore would read, write nothing, name all that is wrong")
    .addOption(backupOption())
    .addOption(shortfallOption("no finding"))
    .addHelpText("after", examples("archive check --prefix s3://bucket/path --backup LATEST"))
    .action(async (options: CheckOptions) => (await import("./check-command.ts")).checkCommand(options));
}

const restoreNotes = `
The default is --recover-to-end: when PostgreSQL starts it replays all WAL of the archive and opens for writes where the
archive provably ends. A missing segment in the middle, expired keys or a network that is away stop the server instead.
With --standby it stays read-only and goes on replaying what arrives, until \`pg_ctl promote\`.

A directory that is not empty is refused, unless it is this command's own interrupted restore: that goes on.
Who restored may connect on the local socket as the superuser without a password, everyone else needs theirs. The server
listens on localhost; with --tls-certificate and --tls-key everywhere, and who comes from elsewhere has to use TLS.`;

function addRestore(archive: Command): void {
  common(archive.command("restore"), "restore a base backup into a directory that `pg_ctl start` takes")
    .addOption(
      new Option("--into <dir>", "the data directory; new or empty").argParser(parseDirectory).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--tablespaces <dir>",
        "where tablespaces go; DIR.tablespaces beside the data directory unless told",
      ).argParser(parseDirectory),
    )
    .addOption(backupOption())
    .addOption(shortfallOption("restore"))
    .addOption(new Option("--standby", "stay a standby that follows the archive").conflicts("recoverToEnd"))
    .addOption(new Option("--recover-to-end", "replay everything, then open for writes (the default)"))
    .addOption(new Option("--owner <user>", "as root: the server's user; the parent directory's owner, else postgres"))
    .addOption(
      new Option("--port <number>", "PostgreSQL's port; 5432, or the next free one").argParser(usage(parsePort)),
    )
    .option("--tls-certificate <file>", "turns TLS on, and lets everyone with a password in from elsewhere over it")
    .option("--tls-key <file>", "the certificate's key; PostgreSQL's user has to own it")
    .addHelpText("after", restoreNotes)
    .addHelpText(
      "after",
      examples(
        "archive restore --prefix s3://bucket/path --into /srv/pg/data",
        "archive restore --prefix file:///mnt/archive --backup base_000000010000000000000003 --into ./pgdata --standby",
      ),
    )
    .action(async (options: RestoreCommandOptions, command: Command) => {
      if ((options.tlsCertificate === undefined) !== (options.tlsKey === undefined)) {
        command.error("error: --tls-certificate and --tls-key need each other");
      }
      await (await import("./restore-command.ts")).restoreCommand(options);
    });
}

function addWal(archive: Command): void {
  common(archive.command("wal"), "fetch one WAL segment or history file, proven to be whole; also for restore_command")
    .argument("<segment>", "its name, as PostgreSQL says %f")
    .argument("<dest>", "where to put it: a file that gets its name when it is whole, or a directory")
    .addOption(forOption("answer PostgreSQL's restore_command (written by `archive restore`)"))
    .addOption(new Option("--spool <dir>", "with --for: where a courier leaves what it fetches ahead").hideHelp())
    .addHelpText(
      "after",
      "\nExit status: 0 it is there; 1 the archive does not have it; 2, 3 as for all archive commands.",
    )
    .addHelpText("after", examples("archive wal 00000001000000000000000A ./ --prefix s3://bucket/path"))
    .action(async (segment: string, dest: string, options: WalCommandOptions) =>
      (await import("./wal-command.ts")).walCommand(segment, dest, options),
    );
}

/** Not for people: `archive wal --for` starts it. */
function addCourier(archive: Command): void {
  common(archive.command("courier", { hidden: true }), "serve the restore_command of a cluster restored by hand")
    .addOption(forOption("as for `archive wal`").makeOptionMandatory())
    .requiredOption("--spool <dir>", "as for `archive wal`")
    .requiredOption("--data <dir>", "the data directory")
    .option("--start-at <segment>", "the first one to fetch ahead")
    .action(async (options: CourierOptions) => (await import("./courier-command.ts")).courierCommand(options));
}

function common(command: Command, description: string): Command {
  return command
    .description(description)
    .addOption(
      new Option("--prefix <url>", "where the archive lies: s3://bucket/path or file:///folder")
        .argParser(usage(parseArchivePlace))
        .makeOptionMandatory(),
    )
    .addOption(new Option("--endpoint <url>", "another S3 server than Amazon's").argParser(usage(parseEndpoint)))
    .option("--region <name>", "the bucket's region; AWS_REGION unless told")
    .option("--json", "print the result as JSON")
    .hook("preAction", (_this, action) => {
      const { prefix, endpoint, region } = action.opts<{ prefix: ArchivePlace; endpoint?: string; region?: string }>();
      if (prefix.kind === "folder" && (endpoint !== undefined || region !== undefined)) {
        action.error("error: --endpoint and --region go with s3://, not with file://");
      }
    });
}

function forOption(description: string): Option {
  const modes: readonly RestoreMode[] = ["standby", "recover-to-end"];
  return new Option("--for <mode>", description).choices(modes);
}

function backupOption(): Option {
  return new Option("--backup <name>", "a name that `archive list` shows, or LATEST: the newest").default("LATEST");
}

function shortfallOption(what: string): Option {
  const why = "for a backup during which relations were dropped";
  return new Option(
    "--allow-shortfall <size>",
    `${what} although files are missing, up to this much (100MB): ${why}`,
  ).argParser(usage(parseSize));
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ npx drawbridge ${line}`).join("\n")}`;
}

/** A parser whose refusal is wrong usage. */
function usage<T>(parse: (typed: string) => T): (typed: string) => T {
  return (typed) => {
    try {
      return parse(typed);
    } catch (thrown) {
      throw thrown instanceof DrawbridgeError ? new InvalidArgumentError(thrown.message) : thrown;
    }
  };
}

/** A shell's unset variable would otherwise stand for the present directory. */
function parseDirectory(typed: string): string {
  if (typed.trim() === "") throw new InvalidArgumentError("it is empty");
  return typed;
}

function parsePort(typed: string): number {
  const port = Number(typed);
  if (/^\d+$/.test(typed) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("a port is a number from 1 to 65535");
}

function parseSize(typed: string): number {
  const parts = /^(\d+)\s*(k|m|g|)b?$/i.exec(typed);
  if (parts?.[1] === undefined) throw new InvalidArgumentError("a size is a number of bytes, or 100kB, 100MB, 2GB");
  return Number(parts[1]) * 1000 ** ["", "k", "m", "g"].indexOf((parts[2] ?? "").toLowerCase());
}

function parseEndpoint(typed: string): string {
  if (URL.canParse(typed) && /^https?:\/\//i.test(typed)) return typed.replace(/\/+$/, "");
  throw new InvalidArgumentError("an endpoint is a URL: https://s3.example.org");
}
