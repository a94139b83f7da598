/** A text of a source file, and what a careless change would make of it. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const evaluator = "src/approvals/evaluate.ts";
const opening = "src/migration/open-window.ts";
const judging = "src/migration/gate-objections.ts";
const trigger = "src/journal/schema/006-what-stops-a-gate.sql";
const step = "src/migration/run-step.ts";
const windows = "src/journal/windows.ts";

const edit = (file: string, find: string, replace = ""): Edit => ({ file, find, replace });

const noVetoInTrigger = edit(trigger, "v.decision = 'veto' and v.eligible", "false");
const forgetsVetoes = edit(
  "src/slack/look.ts",
  "const reactions = [...seen.reactions, ...said];",
  "const reactions = [...seen.reactions];",
);

/**
 * What the sequences must notice, each by its name. Where several layers keep one promise, the mutant takes them all away:
 * one alone would not be noticed, which is what the others are for.
 */
export const mutants: Readonly<Record<string, readonly Edit[]>> = {
  "one person is enough": [edit(evaluator, "Math.max(2, input.policy.required)", "1")],
  "two accounts of a person are two people": [
    edit(
      evaluator,
      "if (!votes.has(approver.person)) votes.set(approver.person,",
      "if (!votes.has(slackUser)) votes.set(slackUser,",
    ),
  ],
  "who asked may vote": [edit(evaluator, "return requesters.includes(approver.person) ||", "return false &&")],
  "who asked after the card was posted may vote": [
    edit(
      opening,
      "requesters: [...new Set([...(await requesters(tx, claim.migrationId)), claim.by])],",
      "requesters: [],",
    ),
  ],
  "guests, bots, externals and deactivated accounts count": [
    edit(evaluator, 'if (facts.deleted) return "deactivated";', "return undefined;"),
  ],
  "who has left the channel counts": [
    edit(evaluator, 'return facts.isMember ? undefined : "not-in-channel";', "return undefined;"),
  ],
  "the user group is not asked": [edit(evaluator, "return groupMembers.includes(slackUser);", "return true;")],
  "a deleted message or shared channel opens": [edit(evaluator, 'if (!found.placeOk) return "voided";')],
  "another plan inherits the votes": [
    edit(evaluator, "const digestOk = input.request.digest === input.currentDigest;", "const digestOk = true;"),
  ],
  "vetoes do not count": [
    edit(evaluator, 'if (found.veto) return "denied";'),
    noVetoInTrigger,
    edit(opening, "...(await saidSinceAttested(tx, facts, judged))"),
  ],
  "a veto that was taken back is forgotten": [forgetsVetoes, noVetoInTrigger],
  "vetoes that Slack does not name do not count": [
    edit(evaluator, "if (truncated?.includes(policy.vetoEmoji) === true) return false;"),
  ],
  "attestations may be a minute old": [
    edit(opening, "attestation.ageMs > attestationMs", "attestation.ageMs > 60_000"),
    edit(trigger, "interval '10 seconds'", "interval '60 seconds'"),
  ],
  "what was said since the attestation is not looked at": [
    edit(opening, "...(await saidSinceAttested(tx, facts, judged))"),
    noVetoInTrigger,
  ],
  "a withdrawal does not stop a window": [
    edit(windows, "or (v.decision = 'approve' and v.eligible and", "or (false and"),
    edit(windows, "or (not e.veto and v.eligible and", "or (false and"),
  ],
  "stored events do not stop a window": [
    edit(windows, "((e.veto and ${w}.facts -> 'vetoers' ? e.said_by)", "((false)"),
    edit(windows, "or (not e.veto and v.eligible and", "or (false and"),
  ],
  "a step is claimed without a last look": [edit(step, "    await demandUnstopped(run, tx);\n")],
  "the point of no return does not look for a veto": [edit(windows, 'and not exists (${stoppers("w")})')],
  "expired approvals open": [
    edit(evaluator, 'if (!found.inTime) return "expired";'),
    edit(trigger, "new.expires_at <= clock_timestamp() or "),
    edit("src/slack/tend.ts", 'if (approval.state !== "CONSUMED" && now >= approval.expiresAt)', "if (false)"),
    edit(judging, "return leftMs < facts.neededMs ?", "return false ?"),
  ],
  "go is carried out while people hold the migration": [
    edit(
      opening,
      'if ((await getMigration(tx, claim.migrationId))?.intent !== "run") throw closed(["people hold the migration"]);',
    ),
  ],
  "an approval is used twice": [
    edit(windows, "where id = $1 and state = 'asking' returning id", "where id = $1 returning id"),
    edit(
      judging,
      'if (approval?.state !== "ARMED")',
      'if (approval?.state !== "ARMED" && approval?.state !== "CONSUMED")',
    ),
    edit(opening, "if (!(await moveApproval(tx, id, move))) throw closed([id]);", "await moveApproval(tx, id, move);"),
  ],
  "a consumed approval is moved on": [
    edit(
      "src/slack/tend.ts",
      'if (approval.state !== "CONSUMED" && next !== approval.state)',
      "if (next !== approval.state)",
    ),
    edit(trigger, "if old.state in ('CONSUMED', 'DENIED',", "if old.state in ('DENIED',"),
    edit(trigger, "('PENDING', 'ARMED'),", "('PENDING', 'ARMED'), ('CONSUMED', 'PENDING'), ('CONSUMED', 'DENIED'),"),
  ],
};
