/** Everything that can be typed after `/migrate`. */
export const verbs = [
  "help",
  "plan",
  "check",
  "start",
  "status",
  "lag",
  "window",
  "go",
  "hold",
  "resume",
  "retry",
  "abort",
  "timeline",
  "comms",
  "whoami",
] as const;
export type Verb = (typeof verbs)[number];

/** A command that follows the grammar, or what is wrong with it. */
export type Parsed =
  | { readonly ok: true; readonly verb: Verb; readonly args: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string; readonly suggestion?: string | undefined };

interface Argument {
  readonly name: string;
  /** A closed list of words; free text, which is only stored and shown, where there is none. */
  readonly words?: readonly string[];
  readonly says: string;
}

const reason: Argument = { name: "reason", says: "a reason of one line, at most 200 characters" };

/** The one argument that a verb takes, if any. */
const argumentOf: Partial<Record<Verb, Argument>> = {
  help: { name: "of", words: verbs, says: "one of the commands" },
  window: { name: "window", words: ["window-1", "window-2", "retire"], says: "window-1, window-2 or retire" },
  abort: reason,
  hold: reason,
};

/** Promised by the design, not built yet: whoever types them shall not be told that they mistyped something. */
const absent: ReadonlyMap<string, string> = new Map([
  [
    "rollback",
    'Drawbridge does not go back after window 2 in this version; RUNBOOK.md, "Go back after window 2", says how people do',
  ],
  ["rehearse", "there is no rehearsal in this version; the sandbox plays a migration of your own data"],
]);

const longestReason = 200;
const longestCommand = 1_000;

/**
 * Reads the text behind `/migrate`. Strict: whatever it does not know it refuses, and never guesses; what was meant is
 * suggested, for people to type. Never throws, whatever it is given.
 */
export function parseCommand(text: string): Parsed {
  if (text.length > longestCommand) return { ok: false, problem: "that is too long for a command" };
  const words = text.split(/[ \t\n\r]+/).filter((word) => word !== "");
  const [first = "help", ...rest] = words;
  const verb = verbs.find((each) => each === first.toLowerCase());
  if (verb === undefined) return unknown(first, words);
  const argument = rest.join(" ");
  if (argument === "") return { ok: true, verb, args: {} };
  const rule = argumentOf[verb];
  if (rule === undefined) {
    const problem = argument.startsWith("-") ? `\`${verb}\` has no options` : `\`${verb}\` takes nothing after it`;
    return { ok: false, problem, suggestion: verb };
  }
  if (rule.words !== undefined) return wordOf(rule, verb, argument);
  return isPlain(argument)
    ? { ok: true, verb, args: { [rule.name]: argument } }
    : { ok: false, problem: `after \`${verb}\` comes ${rule.says}` };
}

function wordOf(rule: Argument, verb: Verb, argument: string): Parsed {
  const words = rule.words ?? [];
  const exact = words.find((word) => word === argument.toLowerCase());
  if (exact !== undefined) return { ok: true, verb, args: { [rule.name]: exact } };
  const near = words.find((word) => word.endsWith(`-${bare(argument)}`)) ?? nearest(bare(argument), words);
  return {
    ok: false,
    problem: `after \`${verb}\` comes ${rule.says}`,
    suggestion: near === undefined ? undefined : `${verb} ${near}`,
  };
}

/** Free text is stored as JSON and shown in Slack: no control characters, no half of a character. */
function isPlain(text: string): boolean {
  return text.length <= longestReason && text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}

function unknown(first: string, words: readonly string[]): Parsed {
  const word = bare(first);
  const missing = absent.get(word);
  if (missing !== undefined) return { ok: false, problem: missing };
  // `/migrate /migrate go`, `"go"`, «go», `migrate go`
  const clean = words.map((each) => bare(each)).filter((each) => each !== "" && each !== "migrate");
  const meant = verbs.find((verb) => clean.includes(verb));
  if (meant !== undefined) {
    const others = clean.filter((each) => each !== meant);
    const argument = argumentOf[meant]?.words?.find((each) => others.includes(each));
    const problem = clean[0] === meant ? "only the plain words, please" : "the command comes first";
    return { ok: false, problem, suggestion: argument === undefined ? meant : `${meant} ${argument}` };
  }
  return { ok: false, problem: "there is no such command", suggestion: nearest(clean[0] ?? "", verbs) };
}

/** A word without quotes of any language, signs and emoji around it, full-width letters as plain ones. */
function bare(word: string): string {
  const plain = word.slice(0, 100).toWellFormed().normalize("NFKC").toLowerCase();
  return plain.replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}

function nearest(word: string, among: readonly string[]): string | undefined {
  if (word === "") return undefined;
  return among
    .map((each) => ({ each, distance: editDistance(word, each) }))
    .toSorted((a, b) => a.distance - b.distance)
    .find(({ each, distance }) => distance <= Math.max(1, Math.floor(each.length / 3)) || each.startsWith(word))?.each;
}

/** Levenshtein's distance, with a swap of neighbours as one edit; only for short words. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 20);
  let older: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const same = a[i - 1] === right[j - 1];
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === right[j - 2] && a[i - 2] === right[j - 1];
      if (swapped) best = Math.min(best, (older[j - 2] ?? 0) + 1);
      row.push(best);
    }
    older = previous;
    previous = row;
  }
  return previous[right.length] ?? right.length;
}
