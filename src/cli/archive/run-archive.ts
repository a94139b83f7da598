import { statSync } from "node:fs";
import { shellLine } from "../../archive/host/shell-word.ts";
import { folderStore } from "../../archive/store/folder-store.ts";
import type { ObjectStore } from "../../archive/store/object-store.ts";
import { openS3Store } from "../../aws/s3-store.ts";
import { asDrawbridgeError, DrawbridgeError, explain } from "../../errors.ts";
import { openLog } from "../../log.ts";
import { environment, stopSignal } from "../environment.ts";
import { adviceFor, exitStatusOf } from "./exit-status.ts";
import { type ArchivePlace, formatPlace } from "./prefix.ts";

/** What every `drawbridge archive` command takes. */
export interface ArchiveOptions {
  readonly prefix: ArchivePlace;
  readonly endpoint?: string;
  readonly region?: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface ArchiveRun {
  readonly store: ObjectStore;
  /** The archive's prefix as it is typed. */
  readonly place: string;
  readonly signal: AbortSignal;
  /** Said once what a repetition of the command would go on from exists. */
  readonly begun: () => void;
}

/**
 * Opens the archive, does the work and turns every failure into words and an exit status. With `--json` a failure is an
 * object on standard output too: `{"error": {"code", "message", "causes", "advice"}}`.
 */
export async function runArchive(
  options: ArchiveOptions,
  work: (run: ArchiveRun) => Promise<number | void>,
): Promise<void> {
  let hasBegun = false;
  const signal = stopSignal();
  let close = (): void => undefined;
  try {
    const opened = openPlace(options);
    close = opened.close;
    const begun = (): void => void (hasBegun = true);
    process.exitCode = (await work({ store: opened.store, place: formatPlace(options.prefix), signal, begun })) ?? 0;
  } catch (thrown) {
    const fault = signal.aborted ? interrupted(thrown) : asDrawbridgeError(thrown);
    tellFailure(fault, hasBegun, options.json === true);
  } finally {
    close();
  }
}

/** Writes a result: one JSON document, or text. */
export function writeResult(json: boolean, result: object, asText: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(result, undefined, 2)}\n` : `${asText()}\n`);
}

/** A line for the person at the terminal, never on standard output. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** As {@link say}, for what is not always there. */
export function sayNote(line: string | undefined): void {
  if (line !== undefined) say(`Note: ${line}.`);
}

function tellFailure(fault: DrawbridgeError, hasBegun: boolean, json: boolean): void {
  const status = exitStatusOf(fault, hasBegun);
  const again = shellLine(["npx", "drawbridge", ...process.argv.slice(2)]);
  const advice = adviceFor(fault, status, again);
  say([`\n${fault.code}: ${explain(fault)}`, ...advice].join("\n"));
  if (json) {
    const [message, ...causes] = explain(fault).split("\n  because: ");
    const error = { code: fault.code, message, causes, advice: advice.join(" ") };
    process.stdout.write(`${JSON.stringify({ error }, undefined, 2)}\n`);
  }
  process.exitCode = status;
}

/** What libraries make of an abort says nothing; anything else that was thrown at that moment may be news. */
function interrupted(thrown: unknown): DrawbridgeError {
  const isAbort = asDrawbridgeError(thrown).code === "DB_ABORTED";
  return new DrawbridgeError("DB_ABORTED", "stopped on request", { cause: isAbort ? undefined : thrown });
}

function openPlace(options: ArchiveOptions): { store: ObjectStore; close: () => void } {
  const at = options.prefix;
  if (at.kind === "folder") {
    if (statSync(at.path, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new DrawbridgeError("DB_BAD_INPUT", `there is no folder ${at.path}`);
    }
    return { store: folderStore(at.path), close: () => undefined };
  }
  const env = environment();
  const endpoint = options.endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
  const region = options.region ?? env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? "us-east-1";
  const store = openS3Store({
    bucket: at.bucket,
    prefix: at.prefix,
    region,
    endpoint,
    log: openLog("archive", "warn"),
  });
  return { store, close: () => store.close() };
}
