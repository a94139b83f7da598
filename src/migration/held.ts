import type { Held } from "./step.ts";

/** What held steps left in this process, for as long as one lease lasts (law 2, "held"). */
export interface HeldRegistry extends AsyncDisposable {
  /** Keeps a resource under the step that made it. */
  hold(step: string, name: string, resource: Held): void;
  /** The resource of that name, lost or not. */
  get(name: string): Held | undefined;
  /** Whether the step's resources are all here and alive; false when it holds none. */
  owns(step: string): boolean;
  /** The signals that abort when something held is lost. */
  lost(): AbortSignal[];
  /** Lets go of what these steps hold. */
  release(steps: readonly string[]): Promise<void>;
}

/** An empty registry. Disposing it lets go of everything. */
export function heldRegistry(): HeldRegistry {
  const byStep = new Map<string, Map<string, Held>>();
  const release = async (steps: readonly string[]): Promise<void> => {
    for (const step of steps) {
      const resources = byStep.get(step);
      byStep.delete(step);
      // a resource that cannot be let go is a broken session: the server lets go of it
      for (const resource of resources?.values() ?? []) await letGo(resource);
    }
  };
  const all = (): Held[] => [...byStep.values()].flatMap((resources) => [...resources.values()]);
  return {
    hold: (step, name, resource) => {
      const resources = byStep.get(step) ?? new Map<string, Held>();
      resources.set(name, resource);
      byStep.set(step, resources);
    },
    get: (name) => [...byStep.values()].map((resources) => resources.get(name)).find((held) => held !== undefined),
    owns: (step) => {
      const resources = [...(byStep.get(step)?.values() ?? [])];
      return resources.length > 0 && resources.every((held) => !held.lost.aborted);
    },
    lost: () => all().map((held) => held.lost),
    release,
    [Symbol.asyncDispose]: () => release([...byStep.keys()].toReversed()),
  };
}

async function letGo(resource: Held): Promise<void> {
  try {
    await resource[Symbol.asyncDispose]();
  } catch {
    // its session is broken already
  }
}
