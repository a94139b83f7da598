import { defineConfig, type TestProjectConfiguration } from "vitest/config";

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
    projects: [
      project("unit", { include: ["test/**/*.test.ts"], exclude: perFile, limitSeconds: 20, atOnce: 3, order: 0 }),
      project("pg", { include: ["test/**/*.pg.test.ts"], limitSeconds: 120, atOnce: 3, order: 1 }),
      project("redis", { include: ["test/**/*.redis.test.ts"], limitSeconds: 60, atOnce: 2, order: 2 }),
      project("e2e", { include: ["test/e2e/*.e2e.test.ts"], limitSeconds: 900, atOnce: 2, order: 3 }),
      project("nightly", { include: ["test/**/*.nightly.test.ts"], limitSeconds: 3_600, atOnce: 1, order: 4 }),
    ],
  },
});
