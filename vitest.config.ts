import { defineConfig, type TestProjectConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, longest first: begun last, one of them would keep a single worker busy while the others rest. */
const longest = [
  "test/agent/follow.pg.test.ts",
  "test/properties/approvals.pg.test.ts",
  "test/migration/break-glass/",
  "test/archive/faults/over-http.test.ts",
  "test/e2e/killed.e2e.test.ts",
  "test/e2e/sandbox.e2e.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((path) => moduleId.includes(path));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const perFile = ["**/*.pg.test.ts", "**/*.redis.test.ts", "**/*.e2e.test.ts", "**/*.nightly.test.ts"];

interface Kind {
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  /** Longest time of one test and of one hook, in seconds. */
  readonly limitSeconds: number;
  /** Files at once: on two cores three where tests mostly wait for servers, two where they are whole runs. */
  readonly atOnce: number;
  /** Kinds with a higher order wait until the lower ones have ended, so that whole runs have the machine to themselves. */
  readonly order: number;
}

function project(name: string, kind: Kind): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [...kind.include],
      exclude: ["**/node_modules/**", ...(kind.exclude ?? [])],
      testTimeout: kind.limitSeconds * 1_000,
      hookTimeout: kind.limitSeconds * 1_000,
      maxWorkers: kind.atOnce,
      sequence: { groupOrder: kind.order },
    },
  };
}

/** Kinds of tests by the ending of their file's name; `npm test` runs all but the nightly ones. */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      project("unit", { include: ["test/**/*.test.ts"], exclude: perFile, limitSeconds: 20, atOnce: 3, order: 0 }),
      project("pg", { include: ["test/**/*.pg.test.ts"], limitSeconds: 120, atOnce: 3, order: 1 }),
      project("redis", { include: ["test/**/*.redis.test.ts"], limitSeconds: 60, atOnce: 2, order: 2 }),
      project("e2e", { include: ["test/e2e/*.e2e.test.ts"], limitSeconds: 900, atOnce: 2, order: 3 }),
      project("nightly", { include: ["test/**/*.nightly.test.ts"], limitSeconds: 3_600, atOnce: 1, order: 4 }),
    ],
  },
});
