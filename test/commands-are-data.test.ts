import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** Everything that ever sees what people typed: from Slack's request to the answer. */
const files = globSync(
  [
    "src/{slack,journal,report,approvals,queue}/**/*.ts",
    "src/migration/{commands,break-glass}/**/*.ts",
    "src/cli/break-glass.ts",
  ],
  { cwd: root },
).toSorted();

/**
 * What may stand in the text of a statement: names of constants, quoted identifiers, fragments that are made of nothing but
 * literals, and within such fragments their parameters, which are therefore literals too.
 */
const constants = /^(columns|quoteIdent\(.*\)|\w+\("[^"]*"(, "[^"]*")*\)|a|w|since|vetoEmoji|approveEmoji)$/;
/** Statements about roles, made of names of the administrator's own URLs when the journal is initialised. */
const ofInit = new Set(["src/journal/grants.ts", "src/journal/init.ts"]);

const statement =
  /`\s*(?:select|insert|update|delete|with|do|alter|create|drop|grant|revoke|copy|call|truncate|notify|listen|set)\b[^`]*`/gi;

/** What of a file could carry typed text into a shell, an interpreter or the text of a statement. */
function faults(source: string): string[] {
  const found: string[] = [];
  if (/from "(?:node:child_process|node:vm|execa)"|\beval\(|new Function\(/.test(source))
    found.push("runs programs or code");
  for (const [sql] of source.matchAll(statement)) {
    for (const [, inside = ""] of sql.matchAll(/\$\{([^}]*)\}/g)) {
      if (!constants.test(inside.trim())) found.push(`\${${inside}} in ${sql.slice(0, 40).replaceAll(/\s+/g, " ")}`);
    }
  }
  for (const [glued] of source.matchAll(/"(?:select|insert|update|delete) [^"]*"\s*\+|\.query\(\s*[^"`\s)]*\s*\+/gi))
    found.push(`glued: ${glued}`);
  return found;
}

test("nothing that sees a command starts a program, or builds a statement of anything but constants", () => {
  expect(files.length).toBeGreaterThan(60);
  const checked = files.filter((file) => !ofInit.has(file));
  expect(
    checked.flatMap((file) => faults(readFileSync(join(root, file), "utf8")).map((fault) => `${file}: ${fault}`)),
  ).toEqual([]);
});

test.each([
  ["a program", 'import { spawn } from "node:child_process";'],
  ["another way to start one", 'import { execa } from "execa";'],
  ["typed text in a fragment", "db.query(`select ${saidBy(args.person)} from journal.vote`)"],
  ["an interpreter", "eval(reason)"],
  ["typed text in a statement", "db.query(`update journal.command set reply = '${args.reason}'`)"],
  ["typed text in a longer one", "db.query(`select ${columns}\n from journal.command where person = ${person}`)"],
  ["text glued to a statement", 'db.query("select * from journal.event where kind = " + kind)'],
  ["a statement out of a variable and more", "db.query(sql + args.reason)"],
])("the check itself catches %s", (_what, source) => expect(faults(source)).toHaveLength(1));

test("and lets parameters pass", () => {
  expect(faults("db.query(`select ${columns} from journal.command where id = $1`, [id])")).toEqual([]);
});
