import { posix } from "node:path";

/**
 * Rooms of src (and jobs) that a room may import besides the leaves; `type:` allows type-only imports, a path only that file.
 * ARCHITECTURE.md "Rooms" holds the same table and says where and why it differs from the design.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  cli: ["*"],
  jobs: ["migration", "journal", "queue", "report"],
  slack: ["journal", "approvals", "report", "queue", "type:postgres"],
  report: ["journal", "type:postgres"],
  migration: ["journal", "approvals", "postgres", "archive", "heroku", "aws", "type:config"],
  journal: ["postgres", "type:approvals"],
  agent: ["archive", "postgres", "journal"],
  aws: ["archive/store/object-store.ts"],
  sandbox: ["config", "archive", "postgres"],
  queue: [],
  approvals: [],
  postgres: [],
  archive: [],
  heroku: [],
  config: [],
};

const leaves = new Set(["errors.ts", "log.ts", "clock.ts", "redact.ts"]);

/** The rooms where a package may be imported. The sandbox may import any; `leaf` is src/*.ts, `*` is everywhere. */
const packageRooms: readonly (readonly [pattern: RegExp, rooms: readonly string[]])[] = [
  [/^@slack\//, ["slack"]],
  [/^(bullmq|ioredis)$/, ["queue"]],
  [/^pg$/, ["postgres"]],
  [/^(@aws-sdk|@smithy)\//, ["aws"]],
  [/^heroku-client(\/|$)/, ["heroku"]],
  [/^execa$/, ["postgres", "archive", "agent"]],
  [/^@streamparser\/json$/, ["archive"]],
  [/^commander$/, ["cli"]],
  [/^yaml$/, ["config"]],
  [/^@resvg\/resvg-js$/, ["report"]],
  [/^pino$/, ["leaf"]],
  [/^zod$/, ["*"]],
  [/^node:/, ["*"]],
];

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

/** What one file of src or jobs breaks, each as `file: what`. Pure: the text is judged, nothing is read. */
export function violations(file: string, source: string): string[] {
  const code = withoutComments(source);
  const room = roomOf(file);
  const found = importsOf(code).map((one) => importFault(file, room, one));
  if (!/^(cli|sandbox)$/.test(room) && /\bprocess\s*\.\s*env\b/.test(code)) found.push("reads process.env");
  return [...found.filter((fault) => fault !== undefined), ...shapeFaults(source)].map((fault) => `${file}: ${fault}`);
}

/** What any TypeScript file breaks, tests included: its length (lines of code) and the word `any`. */
export function shapeFaults(source: string): string[] {
  const code = withoutComments(source);
  const faults: string[] = [];
  const lines = code.split("\n").filter((line) => line.trim() !== "").length;
  if (lines > 250) faults.push(`has ${lines} lines of code, 250 are allowed`);
  const words = code.replaceAll(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
  if (/[:<|&,]\s*any\b(?!\s*[:(])|\bas any\b|=\s*any\s*[;[]/.test(words)) faults.push("uses any");
  return faults;
}

function importFault(file: string, room: string, { from, typeOnly }: Import): string | undefined {
  if (!from.startsWith(".")) {
    if (room === "sandbox") return undefined;
    const rooms = packageRooms.find(([pattern]) => pattern.test(from))?.[1];
    if (rooms === undefined) return `imports ${from}, which has no room`;
    return rooms.includes("*") || rooms.includes(room)
      ? undefined
      : `imports ${from}, which lives in ${rooms.join(", ")}`;
  }
  const target = posix.join(posix.dirname(file), from);
  const other = roomOf(target);
  if (other === room || (target.startsWith("src/") && leaves.has(target.slice("src/".length)))) return undefined;
  if (room === "leaf") return `is a leaf and imports ${target}`;
  if (other === "jobs" && room === "sandbox") return `imports ${target}`;
  const allowed = mayImport[room];
  if (allowed === undefined) return `lies in ${room}, which is no room`;
  const inRoom = target.replace(/^src\//, "");
  const fits = allowed.includes("*") || allowed.includes(other) || allowed.includes(inRoom);
  if (fits || (typeOnly && allowed.includes(`type:${other}`))) return undefined;
  const but = allowed.includes(`type:${other}`) ? " (its types only)" : "";
  return `imports ${target}: ${room} may import ${allowed.join(", ") || "leaves only"}${but}`;
}

/** `src/slack/app.ts` → `slack`; `src/log.ts` → `leaf`; `jobs/x.ts` → `jobs`. */
function roomOf(file: string): string {
  const [first = "", second = "", third] = file.split("/");
  if (first !== "src") return first;
  return third === undefined ? "leaf" : second;
}

function importsOf(code: string): Import[] {
  const statements = /^[ \t]*(?:import|export)\b([^;"'`()]*?)\bfrom\s*["']([^"']+)["']/gm;
  const others = /(?:\bimport\s*\(|\brequire\s*\(|^[ \t]*import)\s*["']([^"']+)["']/gm;
  const named = [...code.matchAll(statements)].map(([, names = "", from = ""]) => ({
    from,
    typeOnly: onlyTypes(names),
  }));
  return [...named, ...[...code.matchAll(others)].map(([, from = ""]) => ({ from, typeOnly: false }))];
}

/** `type { A }` and `{ type A, type B }`. */
function onlyTypes(names: string): boolean {
  if (/^\s*type\b/.test(names)) return true;
  const listed = /^\s*\{([\s\S]*)\}\s*$/.exec(names)?.[1];
  const parts = listed?.split(",").filter((part) => part.trim() !== "") ?? [];
  return parts.length > 0 && parts.every((part) => /^\s*type\s/.test(part));
}

/** Blanks comments, but not what looks like one within a string (`"https://…"`). Line numbers stay. */
function withoutComments(source: string): string {
  const token = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|(?<![\\/:])\/\/[^\n]*/g;
  return source.replaceAll(token, (text) => (text.startsWith("/") ? text.replaceAll(/[^\n]/g, "") : text));
}
