import { z } from "zod";
import { waitFor } from "../clock.ts";
import { releaseAnswer } from "./answers.ts";
import type { Api } from "./api.ts";
import type { Patience } from "./apps.ts";

/** A release: code and config vars under a version. With a release phase it is `pending` until its command ends. */
export interface Release {
  readonly id: string;
  readonly version: number;
  readonly description: string;
  readonly status: "pending" | "succeeded" | "failed" | "expired";
  /** Whether dynos start from it. */
  readonly current: boolean;
}

export type ReleaseVerbs = ReturnType<typeof releaseVerbs>;

/** Verbs about releases. All throw DrawbridgeError `DB_HEROKU`. */
export function releaseVerbs(api: Api) {
  const own = ({ id, version, description, status, current }: z.infer<typeof releaseAnswer>): Release => ({
    id,
    version,
    description,
    status,
    current,
  });
  const release = async (app: string, idOrVersion: string | number): Promise<Release> =>
    own(await api.read(releaseAnswer, `/apps/${app}/releases/${idOrVersion}`));
  return {
    release,
    /** The last `count` releases, newest first. */
    releases: async (app: string, count: number): Promise<readonly Release[]> => {
      const range = `version ..; order=desc,max=${count}`;
      return (await api.read(z.array(releaseAnswer), `/apps/${app}/releases`, range)).map(own);
    },
    /**
     * Waits for the end of a release's release phase.
     * @throws DrawbridgeError `DB_WAIT_TIMEOUT` when it is still pending at the deadline; the signal's reason when aborted.
     */
    waitRelease: async (
      app: string,
      idOrVersion: string | number,
      patience: Patience,
    ): Promise<"succeeded" | "failed"> =>
      waitFor(
        async () => {
          const { status } = await release(app, idOrVersion);
          if (status === "pending") return undefined;
          return status === "succeeded" ? status : "failed";
        },
        { ...patience, everyMs: 500, what: `release ${idOrVersion} of ${app} to end its release phase` },
      ),
  };
}
