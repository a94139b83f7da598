import type { PathFacts, PathFunction } from "../../../postgres/path-functions.ts";
import { blocker, type Check, listed } from "../finding.ts";

/**
 * The target's apply processes run with an empty search_path, and from 17 on so does a refresh: a function for an index, a
 * CHECK or a generated column that counts on the path works for the application and stops the copy.
 */
export const searchPath: Check = {
  name: "search-path",
  judge: ({ source }) => {
    if (!source) return undefined;
    return source.path.functions.flatMap((each) => {
      const missed = unqualified(each, source.path);
      if (missed.length === 0) return [];
      return [
        blocker(
          `${each.name} finds ${listed(missed)} by the search_path, and is used by ${listed(each.usedBy, 4)}. Replication applies rows with an empty search_path, so that the copy to the target would stop there.`,
          `\`alter function ${each.name} set search_path = public, pg_temp;\` (with the schemas that it needs) on Heroku, or write \`schema.name\` inside it.`,
        ),
      ];
    });
  },
};

/** Names outside pg_catalog that the body calls, or reads from, without a schema before them. */
function unqualified({ body, name: own }: PathFunction, path: PathFacts): string[] {
  const text = withoutComments(body);
  const ownName = own.slice(own.indexOf(".") + 1);
  const calls = new Set([...text.matchAll(/(?<![\w.$"])"?([a-z_][\w$]*)"?\s*\(/gi)].map(([, word = ""]) => word));
  const reads = new Set(
    [...text.matchAll(/\b(?:from|join|into|update)\s+(?:only\s+)?"?([a-z_][\w$]*)"?(?!\s*[.("\w])/gi)].map(
      ([, word = ""]) => word,
    ),
  );
  const named = (words: ReadonlySet<string>, known: readonly string[]): string[] => {
    const lower = new Set([...words].map((word) => word.toLowerCase()));
    return known.filter((name) => lower.has(name.toLowerCase()));
  };
  const recursive = (name: string): boolean => name === ownName;
  return [...new Set([...named(calls, path.callable), ...named(reads, path.readable)])].filter(
    (name) => !recursive(name),
  );
}

function withoutComments(body: string): string {
  return body
    .replaceAll(/--[^\n]*/g, " ")
    .replaceAll(/\/\*[\s\S]*?\*\//g, " ")
    .replaceAll(/'(?:[^']|'')*'/g, "''");
}
