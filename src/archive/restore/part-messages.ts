import type { Code, Outcome } from "../../errors.ts";
import type { ExtractionTarget } from "./extract.ts";
import type { PartFacts } from "./part-facts.ts";

/** What a part worker is started with. */
export interface PartWorkerSetup {
  /** Absent: nothing is written. */
  readonly target: ExtractionTarget | undefined;
  /** Where fetched ranges lie; messages name them by number. */
  readonly memory: readonly SharedArrayBuffer[];
}

/** What the main thread tells a part worker. A slot of the shared memory is lent until it is `consumed`; a worker works on one part after the other. */
export type ToPartWorker =
  | {
      readonly type: "part";
      /** Comes back with every answer about this part. */
      readonly id: number;
      readonly key: string;
      readonly existing: "refused" | "replaced";
      /** Whether every member's name is to be told. */
      readonly tellNames: boolean;
    }
  | { readonly type: "bytes"; readonly slot: number; readonly length: number }
  | { readonly type: "end" };

/** What a part worker answers. */
export type FromPartWorker =
  | { readonly type: "consumed"; readonly id: number; readonly slot: number; readonly writtenBytes: number }
  | { readonly type: "names"; readonly id: number; readonly names: readonly string[] }
  | { readonly type: "done"; readonly id: number; readonly facts: PartFacts; readonly writtenBytes: number }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly code: Code;
      readonly outcome: Outcome;
      readonly message: string;
    };
