import type { ApprovalView } from "../../report/approvals.ts";
import { listOf, numberOf, textOf } from "../../report/facts.ts";
import type { WindowView } from "../../report/windows.ts";
import { code, counted, duration, esc, within } from "./text.ts";
import { stepWords, windowEnds, windowWords, writesWords } from "./words.ts";

/** What the people who approve will have allowed, with the numbers of the app. Slack text. */
export function whatHappens(gate: ApprovalView, window: WindowView | undefined): string {
  const said = textOf(gate.evidence, "whatHappens");
  if (said !== undefined) return esc(said);
  const dynos = numberOf(gate.evidence, "dynos");
  const formation = textOf(gate.evidence, "formation");
  const stops = dynos === undefined ? "all dynos stop" : `${counted(dynos, "dyno")} stop${dynos === 1 ? "s" : ""}`;
  const types = formation === undefined ? "" : ` (${esc(formation)})`;
  const from = window === undefined ? "the database" : writesWords[windowEnds[window.name].before];
  switch (gate.gate) {
    case "maintenance":
      return `visitors see the maintenance page, ${stops}${types}, ${from} takes no writes. ${outageWords(gate, window)}`;
    case "promote":
      return "the bridge stops following Heroku Postgres and becomes a primary of its own, once the last write has arrived there.";
    case "database-url":
      return `${dynos === undefined ? "the app's dynos start" : `${counted(dynos, "dyno")} start${dynos === 1 ? "s" : ""}`} again with a \`DATABASE_URL\` that points at ${window?.name === "window-2" ? "RDS" : "the bridge"}. From here it only goes forward.`;
    case "retire":
      return "the way back is closed first, then replication ends and the bridge is terminated. The site does not notice. After this there is no way back.";
  }
}

/** "About 11 s without writes (put back before: 12 s)." */
function outageWords(gate: ApprovalView, window: WindowView | undefined): string {
  const forecastMs = window?.forecastMs ?? numberOf(gate.evidence, "forecastMs");
  if (forecastMs === undefined) return "How long is not known.";
  const before = listOf(gate.evidence, "earlier").flatMap((each) => {
    const ms = numberOf(each, "ms");
    return ms === undefined ? [] : [`${esc(textOf(each, "says") ?? "earlier")}: ${duration(ms)}`];
  });
  return `About ${duration(forecastMs)} without writes at the database${before.length === 0 ? " (not tried before)" : ` (${before.join(", ")})`}.`;
}

/** What speaks for doing it now. Shown, not hashed: the guards look again when the step runs. */
export function whyNow({ gate, evidence }: ApprovalView, window: WindowView | undefined): string | undefined {
  const words: string[] = [];
  const said = textOf(evidence, "whyNow");
  if (said !== undefined) words.push(esc(said));
  const end = window === undefined ? "the other side" : writesWords[windowEnds[window.name].after];
  const [probes, slowest] = [numberOf(evidence, "probes"), numberOf(evidence, "slowestMs")];
  if (probes !== undefined && slowest !== undefined && gate !== "retire")
    words.push(`${counted(probes, "test write")} in a row reached ${end} ${within(slowest)}`);
  const lagMs = numberOf(evidence, "lagMs");
  if (lagMs !== undefined) words.push(`lag ${duration(lagMs)}`);
  const segmentAgeMs = numberOf(evidence, "segmentAgeMs");
  if (segmentAgeMs !== undefined) words.push(`last segment in the archive ${duration(segmentAgeMs)} ago`);
  const [blockers, warnings] = [numberOf(evidence, "blockers"), numberOf(evidence, "warnings")];
  if (blockers !== undefined)
    words.push(counted(blockers, "blocker") + (warnings === undefined ? "" : `, ${counted(warnings, "warning")}`));
  return words.length === 0 ? undefined : `${words.join(" · ")}.`;
}

/** What becomes of data and writes when it fails. Slack text with its own heading. */
export function ifWrong(gate: ApprovalView, window: WindowView | undefined): string {
  if (gate.gate === "retire")
    return "*If it goes wrong*: nothing of production depends on the bridge any more; what could not be removed is listed.";
  if (gate.gate !== "database-url") {
    const back = window === undefined ? "the old database" : writesWords[windowEnds[window.name].before];
    const ms = numberOf(gate.evidence, "putBackMs");
    const time = ms === undefined ? "as soon as the dynos are up again" : `within about ${duration(Math.max(100, ms))}`;
    return `*If it goes wrong before the switch*: writes go to ${back} as before ${time}, nothing lost.`;
  }
  return window?.name === "window-2"
    ? "*If it goes wrong after the switch*: the bridge is kept current until it is retired, so that there is a way back."
    : "*If it goes wrong after the switch*: Drawbridge makes the release again until it succeeds; the data is on the bridge.";
}

/**
 * What exactly runs, for the gate's thread: digest, parameters, and the steps in order with the gated one marked.
 * Facts: `{ window, parameters, steps: [{ name, gate? }], digest, gate, expires }`, written by the worker that asked.
 */
export function renderGateDetail(facts: Readonly<Record<string, unknown>>): string {
  const own = textOf(facts, "gate");
  const parameters = Object.entries(recordOf(facts["parameters"]))
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([name, value]) => `${esc(name)} ${code(String(value))}`);
  const steps = listOf(facts, "steps").map((step, at) => {
    const gate = textOf(step, "gate");
    const mark = gate === undefined ? "" : gate === own ? "  ← *this gate*" : "  (another gate)";
    const name = textOf(step, "name") ?? "?";
    return `${at + 1}. ${stepWords(name)} ${code(name)}${mark}`;
  });
  const name = textOf(facts, "window");
  const known = name === "window-1" || name === "window-2" || name === "retire" ? windowWords[name] : esc(name ?? "");
  return [
    `*What exactly runs in ${known} after \`/migrate go\`*`,
    ...steps,
    `*On*: ${parameters.join(" · ")}`,
    `*Plan digest*: ${code(textOf(facts, "digest") ?? "?")}; if any of this changes, the approval is void and has to be asked for again.`,
  ].join("\n");
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
