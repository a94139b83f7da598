import type { Attachment } from "../../heroku/addons.ts";
import type { Process } from "../../heroku/apps.ts";
import type { SourceFacts } from "../../postgres/preflight-facts.ts";
import type { TargetExtension } from "./rds-extensions.ts";

/** The app and its database, as Heroku describes them. */
export interface HerokuFacts {
  readonly app: {
    readonly name: string;
    readonly maintenance: boolean;
    readonly space: string | undefined;
    readonly generation: string | undefined;
  };
  readonly addon: {
    readonly id: string;
    readonly name: string;
    /** `heroku-postgresql:standard-0` */
    readonly plan: string;
    readonly state: string;
  };
  /** Attachments of the add-on in every app that shares it. */
  readonly addonAttachments: readonly Attachment[];
  /** Attachments of every add-on in our app. */
  readonly appAttachments: readonly Attachment[];
  readonly databaseUrl:
    | { readonly by: "attachment"; readonly attachment: Attachment }
    | { readonly by: "config"; readonly isSource: boolean }
    | { readonly by: "none" };
  /** Other config vars with a copy of the URL. */
  readonly urlCopies: readonly string[];
  readonly formation: readonly Process[];
  readonly preboot: boolean;
  /** Requests that the account has left in this hour. */
  readonly requestsLeft: number;
}

/** The archive as it lies in Heroku's bucket. */
export interface ArchiveFacts {
  /** Completed base backups, oldest first. */
  readonly backups: readonly string[];
  /** Those that are newer than the chosen one and whose sentinels cannot be read: why. */
  readonly passedOver: readonly string[];
  /** The one that would be restored. */
  readonly chosen:
    | {
        readonly name: string;
        readonly completedAgeMs: number;
        readonly startSegment: string;
        readonly timeline: number;
        readonly pgVersionNum: number | undefined;
        /** Why its parts cannot be read: a gap in their numbers, encryption, damage at the first bytes. */
        readonly unreadable: string | undefined;
      }
    | undefined;
  /** Why no base backup will do, in the archive's own words; absent when one was chosen. */
  readonly refusal: string | undefined;
  /** Of the cluster that wrote the WAL. */
  readonly systemIdentifier: string | undefined;
  /** WAL segments that lack between the chosen backup's start and the newest in the archive; ten at most. */
  readonly missingSegments: readonly string[];
  readonly newestSegment: string | undefined;
}

/** The people who may vote, as the configuration lists them. The Slack side of them is the bot's to check. */
export interface PeopleFacts {
  readonly required: number;
  readonly approvers: readonly string[];
  readonly drivers: readonly string[];
}

/** What the configuration asks for. */
export interface WishFacts {
  readonly app: string;
  readonly addon: string;
  readonly targetMajor: number;
  readonly targetStorageGb: number;
  readonly bridgeVolumeGb: number;
  readonly ignoreExtensions: readonly string[];
}

/** The client programs on this machine. `undefined`: there is none where it was looked for. */
export interface ClientFacts {
  readonly bindir: string;
  readonly pgDumpMajor: number | undefined;
}

/** The parts of the world that preflight reads; one that cannot be read is a finding of its own. */
export type PartName = "source" | "heroku" | "archive";

/** Everything that the checks judge. A part that could not be read is `undefined`, and `failures` says why. */
export interface PreflightFacts {
  readonly source: SourceFacts | undefined;
  readonly heroku: HerokuFacts | undefined;
  readonly archive: ArchiveFacts | undefined;
  readonly failures: readonly { readonly part: PartName; readonly message: string; readonly remedy: string }[];
  /** What the target can install: the target's own answer once it is there, before that what RDS documents. */
  readonly targetExtensions: {
    readonly from: "target" | "list";
    readonly available: ReadonlyMap<string, TargetExtension>;
  };
  readonly client: ClientFacts;
  readonly people: PeopleFacts;
  readonly wish: WishFacts;
}
