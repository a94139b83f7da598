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
  "whoami",
] as const;
export type Verb = (typeof verbs)[number];

/** A command that follows the grammar, or what is wrong with it. */
export type Parsed =
  | { readonly ok: true; readonly verb: Verb; readonly args: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: string; readonly suggestion?: string | undefined };

/** The one argument that a verb takes, if any. Arguments are words of a closed list or free text that is only stored. */
const argumentOf: Partial<Record<Verb, { readonly name: string; readonly form: RegExp; readonly says: string }>> = {
  window: { name: "window", form: /^(window-1|window-2|retire)$/, says: "window-1, window-2 or retire" },
  abort: { name: "reason", form: /^[^\n]{1,200}$/, says: "a reason of at most 200 characters" },
  hold: { name: "reason", form: /^[^\n]{1,200}$/, says: "a reason of at most 200 characters" },
};

/** Reads the text behind `/migrate`. Strict: whatever it does not know it refuses, and never guesses. */
export function parseCommand(text: string): Parsed {
  const trimmed = text.trim().replace(/\s+/g, " ");
  if (trimmed === "") return { ok: true, verb: "help", args: {} };
  const [first = "", ...rest] = trimmed.split(" ");
  const word = first.toLowerCase();
  const verb = verbs.find((each) => each === word);
  if (verb === undefined) return unknown(word);
  const argument = rest.join(" ");
  if (argument === "") return { ok: true, verb, args: {} };
  const rule = argumentOf[verb];
  if (rule === undefined) {
    return { ok: false, problem: `\`${verb}\` takes nothing after it`, suggestion: verb };
  }
  if (!rule.form.test(argument)) return { ok: false, problem: `after \`${verb}\` comes ${rule.says}` };
  return { ok: true, verb, args: { [rule.name]: argument } };
}

function unknown(word: string): Parsed {
  const near = verbs
    .map((verb) => ({ verb, distance: editDistance(word, verb) }))
    .toSorted((a, b) => a.distance - b.distance)
    .find(({ verb, distance }) => distance <= Math.max(1, Math.floor(verb.length / 3)) || verb.startsWith(word));
  return { ok: false, problem: "there is no such command", suggestion: near?.verb };
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
