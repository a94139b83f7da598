import type { JsonObject } from "../journal/json.ts";
import type { Gate, WindowName } from "../journal/phase.ts";
import type { World } from "./world.ts";

/** A resource that lives in this process and on which a held step's success depends. */
export interface Held extends AsyncDisposable {
  /** Aborts the moment the resource is gone (its session broke). */
  readonly lost: AbortSignal;
  /** Looks again, with whoever it is about, that the resource does what it is held for. */
  prove?(): Promise<void>;
}

/** The window that a step runs in. */
export interface OpenWindow {
  readonly id: number;
  readonly name: WindowName;
  readonly deadlineAt: Date;
}

/** What the runner hands to a step beside the world. */
export interface StepContext {
  /** Aborts on `hold`, `abort`, lost lease, lost fence, the window's deadline, and shutdown. */
  readonly signal: AbortSignal;
  /** The window, where the phase is one. */
  readonly window: OpenWindow | undefined;
  /** What {@link Step.remember} gave, from the journal. */
  readonly memory: JsonObject;
  /** The recorded output of an earlier step, of this phase (this try) or another phase (its last success). Throws when there is none. */
  output(step: string): Promise<JsonObject>;
  /** The fencing epoch under which this attempt was written. */
  readonly epoch: bigint;
  /** Throws `DB_LEASE_LOST` unless this worker still holds the migration. To be called before each outside effect. */
  assertLease(): Promise<void>;
  /** Binds the step's success to a resource of this process (law 2, "held"). */
  hold(name: string, resource: Held): void;
  /** A resource that an earlier held step of this try left; `undefined` when this process does not own it. */
  held(name: string): Held | undefined;
  /** Facts for the card and the thread while the step runs: stored as a sample of kind `progress`. */
  progress(facts: JsonObject): Promise<void>;
}

/** Undoes a step's effect. Called with what was remembered; must be repeatable. */
export type Undo<W = World> = (world: W, context: StepContext) => Promise<void>;

/**
 * The smallest thing that is journalled, retried and undone (law 2).
 * The runner asks for the recorded success first, then `observe`s, and only then `run`s; so `run` may be interrupted anywhere.
 */
export interface Step<W = World> {
  /** verb-noun, unique within its phase: `fence-source` */
  readonly name: string;
  /** The approval without which it does not run. */
  readonly gate?: Gate;
  /** Its success counts only while this process owns what it holds. */
  readonly held?: true;
  /**
   * Cannot be done twice in one window: when a held step before it has lost what it held, the window is put back instead of
   * going through it again (a promoted bridge cannot follow a second fence).
   */
  readonly once?: true;
  /** The window can no longer be put back once this step has succeeded. */
  readonly noReturn?: true;
  /** Longest time that one attempt may take, in milliseconds. */
  readonly deadlineMs: number;
  /** Reads only; throws what forbids the step (the guard that looks again at execution). */
  validate?(world: W, context: StepContext): Promise<void>;
  /** What undo will need, read before any effect; never a secret. */
  remember?(world: W): Promise<JsonObject>;
  /** The step's output if the world is already as `run` would leave it. */
  observe(world: W, context: StepContext): Promise<JsonObject | undefined>;
  run(world: W, context: StepContext): Promise<JsonObject>;
  readonly undo: Undo<W> | "irreversible";
}
