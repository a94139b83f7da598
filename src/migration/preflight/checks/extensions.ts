import type { ExtensionFacts } from "../../../postgres/catalog.ts";
import type { PreflightFacts } from "../facts.ts";
import { blocker, type Check, listed, note, type Remark, warning } from "../finding.ts";

/** Number 18: what the source has installed and the target can install. */
export const extensionsCheck: Check = {
  name: "extensions",
  judge: ({ source, targetExtensions, wish }) => {
    if (!source) return undefined;
    const ignored = new Set(wish.ignoreExtensions);
    const wanted = source.extensions.filter(({ name }) => !ignored.has(name));
    return [
      ...wanted.flatMap((extension) => judgeOne(extension, targetExtensions)),
      ...leftBehind(source.extensions.filter(({ name }) => ignored.has(name))),
      ...herokuSchema(wanted),
    ];
  },
};

function judgeOne(extension: ExtensionFacts, target: PreflightFacts["targetExtensions"]): Remark[] {
  const { name, version, hasConfigTables } = extension;
  const there = target.available.get(name);
  if (there === undefined) {
    const who = target.from === "target" ? "The target cannot install" : "RDS does not list";
    return [
      blocker(
        `${who} the extension ${name} (${version} on the source).`,
        `\`drop extension "${name}";\` on Heroku if nothing needs it, or leave it behind knowingly: add it to \`policy.ignoreExtensions\`. Objects that depend on it then do not load.`,
      ),
    ];
  }
  const remarks: Remark[] = [];
  if (there.version !== undefined && there.version !== version) {
    remarks.push(
      note(
        `${name} is ${version} on the source and becomes ${there.version} on the target.`,
        "Read the extension's release notes for what changed in between.",
      ),
    );
  }
  if (hasConfigTables) {
    remarks.push(
      warning(
        `${name} keeps rows in tables of its own, which are not replicated (for instance PostGIS's spatial_ref_sys, pg_cron's jobs).`,
        "If you added rows to them, add them again on the target after window 2.",
      ),
    );
  }
  return remarks;
}

function leftBehind(extensions: readonly ExtensionFacts[]): Remark[] {
  if (extensions.length === 0) return [];
  return [
    note(
      `Left behind, as policy.ignoreExtensions says: ${listed(extensions.map(({ name }) => name))}.`,
      "Nothing to do, unless something depends on them: the trial load in `prepare-target` tells.",
    ),
  ];
}

function herokuSchema(extensions: readonly ExtensionFacts[]): Remark[] {
  const names = extensions.filter(({ schema }) => schema === "heroku_ext").map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    note(
      `${listed(names)} live in Heroku's schema heroku_ext; the target gets a schema of that name for them.`,
      "Check that the application's search_path does not count on Heroku's setting.",
    ),
  ];
}
