import { Command, CommanderError } from "commander";
import { asDrawbridgeError, explain } from "../errors.ts";
import { addArchive } from "./archive/register.ts";
import type { GlassOptions } from "./break-glass.ts";
import { environment } from "./environment.ts";
import { guardLastWords } from "./last-words.ts";
import type { ReportOptions } from "./report.ts";

/** Exit status of a failure that has a name; 2 is wrong usage. */
const failed = 1;

/** Runs one subcommand. Every error becomes one message with its fix, and an exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  guardLastWords(environment());
  const program = buildProgram();
  try {
    await program.parseAsync([...argv]);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? 0 : 2;
      if (thrown.exitCode !== 0 && argv.includes("--json")) writeUsageError(thrown);
      return;
    }
    const error = asDrawbridgeError(thrown);
    process.stderr.write(`\n${error.code}: ${explain(error)}\n${error.remedy}\n`);
    process.exitCode = failed;
  }
}

/** Wrong usage for a program that reads our JSON; the person at the terminal has been told already. */
function writeUsageError({ message }: CommanderError): void {
  const error = { code: "DB_BAD_INPUT", message: message.replace(/^error: /, ""), causes: [], advice: "" };
  process.stdout.write(`${JSON.stringify({ error }, undefined, 2)}\n`);
}

/** Each role loads only what it needs: the bot never loads the database code of the worker, for instance. */
function buildProgram(): Command {
  const program = new Command("drawbridge")
    .description("Moves a Heroku Postgres database to Amazon RDS, driven from Slack, with two people's consent.")
    .exitOverride()
    .showHelpAfterError("(add --help for what this command takes)");
  const config = ["-c, --config <file>", "the reviewed configuration file", "drawbridge.yaml"] as const;
  program
    .command("serve")
    .description("supervise bot and worker, each a process of its own with only its own secrets")
    .option(...config)
    .action(async (options: { config: string }) => (await import("./serve.ts")).serve(options));
  program
    .command("bot")
    .description("Slack in and out: commands, votes, cards")
    .option(...config)
    .option("-p, --port <number>", "where Slack's requests arrive", "3000")
    .option("--host <address>", "address to listen on", "0.0.0.0")
    .action(async (options: { config: string; port: string; host: string }) =>
      (await import("./bot.ts")).runBot(options),
    );
  program
    .command("worker")
    .description("run the phases; start more of them to scale out")
    .option(...config)
    .action(async (options: { config: string }) => (await import("./worker.ts")).runWorker(options));
  program
    .command("agent")
    .description("on the bridge: restore, follow and promote the local PostgreSQL as the journal says")
    .option("-d, --directory <path>", "where data, spool and log lie", "/var/lib/drawbridge")
    .option("--host <address>", "where others reach this bridge; its public, else its private address unless told")
    .option("--port <number>", "PostgreSQL's port; 5432 unless told, 0 for a free one", "5432")
    .option("--bindir <path>", "PostgreSQL's programs of the source's version")
    .action(async (options: AgentOptions) => (await import("./agent.ts")).runAgentCommand(options));
  addJournal(program);
  addReports(program, config);
  addBreakGlass(program, config);
  addArchive(program);
  program
    .command("sandbox")
    .description("play a whole migration on this machine, with stand-ins for Heroku, AWS and Slack")
    .allowUnknownOption()
    .helpOption(false)
    .argument("[arguments...]", "see `sandbox --help`")
    .action(async (rest: string[]) => (await import("../sandbox/sandbox-command.ts")).runSandbox(rest));
  return program;
}

/** Options of `drawbridge agent`. */
export interface AgentOptions {
  readonly directory: string;
  readonly host?: string;
  readonly port: string;
  readonly bindir?: string;
}

function addJournal(program: Command): void {
  const journal = program.command("journal").description("prepare the journal's database");
  journal
    .command("init")
    .description("create or update schema, roles and grants; needs DRAWBRIDGE_ADMIN_JOURNAL_URL, once")
    .action(async () => (await import("./journal-init.ts")).journalInit());
  program
    .command("timeline")
    .description("the event log")
    .command("verify")
    .description("recompute the hash chain; finds any change, deletion, insertion or reordering")
    .option("--head <number:hash...>", "ends of the log as a report or the card's thread noted them")
    .action(async (options: { head?: string[] }) => (await import("./timeline.ts")).verifyTimeline(options));
}

function addBreakGlass(program: Command, config: readonly [string, string, string]): void {
  program
    .command("break-glass")
    .description("without Slack, Redis or workers: hold, abort, unfence, or return-writes to the current primary")
    .argument("<verb>", "hold, abort, unfence or return-writes; none of them opens a gate")
    .option(...config)
    .requiredOption("--migration <name>", "the migration, as the configuration names it")
    .requiredOption("--reason <text>", "why; it is posted and stays in every report")
    .option("--yes-i-typed <name>", "the migration's name once more, in place of the prompt")
    .option("--wait <seconds>", "how long a worker that lives may take to stop", "120")
    .action(async (verb: string, options: GlassOptions) =>
      (await import("./break-glass.ts")).runBreakGlass(verb, options),
    );
}

function addReports(program: Command, config: readonly [string, string, string]): void {
  program
    .command("check")
    .description("run preflight from this terminal; reads only")
    .option(...config)
    .option("--json", "print findings as JSON")
    .action(async (options: { config: string; json?: boolean }) => (await import("./check.ts")).runCheck(options));
  program
    .command("report")
    .description("the report of a migration, from the journal")
    .option(...config)
    .option("--json", "print JSON")
    .option("--ledger <file>", "JSON facts from a ledger of acknowledged writes kept outside the database")
    .option("--post", "post the report in the card's thread as well")
    .action(async (options: ReportOptions) => (await import("./report.ts")).printReport(options));
  program
    .command("health")
    .description("whether the role that runs on this host does its work; for service managers and containers")
    .argument("[role]", "bot, worker, or serve: both", "serve")
    .option("-p, --port <number>", "the bot's port; DRAWBRIDGE_PORT, else 3000, unless told")
    .action(async (role: string, options: { port?: string }) =>
      (await import("./health.ts")).printHealth(role, options),
    );
  program
    .command("runbook")
    .description("print RUNBOOK.md: every error code, what it means, what to do")
    .action(async () => (await import("./runbook.ts")).printRunbook());
}
