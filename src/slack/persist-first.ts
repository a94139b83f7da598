import type { App, ReceiverEvent } from "@slack/bolt";
import { type Body, checkOrigin, type Intake, takeIn, type Taken } from "./intake.ts";

/** How one way in tells deliveries apart. */
export interface WayIn {
  /** Checks what only this way can check. @returns a key for deliveries that carry no id of their own. @throws Refused */
  keyOf(properties: Readonly<Record<string, unknown>>): string;
  /** The same delivery has come before. */
  again(event: ReceiverEvent, taken: Taken): Promise<void>;
}

/**
 * Bolt acknowledges events before any listener runs, and what is not stored by then is lost when we die. From now on `app`
 * hands nothing on that is not meant for us and committed; what throws here is not acknowledged, so Slack sends it again.
 */
export function persistFirst(app: App, intake: Intake, way: WayIn): void {
  const process = app.processEvent.bind(app);
  app.processEvent = async (event: ReceiverEvent): Promise<void> => {
    const key = way.keyOf(event.customProperties ?? {});
    const body: Body = event.body;
    checkOrigin(body, intake.settings);
    const taken = await takeIn(intake, body, key);
    stored.add(taken);
    if (!taken.isNew) return way.again(event, taken);
    await process({ ...event, customProperties: { ...event.customProperties, taken } });
  };
}

/** What the storing hands to the listeners. */
export function takenOf(context: { readonly [key: string]: unknown }): Taken | undefined {
  const taken = context["taken"];
  return isTaken(taken) ? taken : undefined;
}

/** Only what was stored here counts, whatever else the context may carry. */
const stored = new WeakSet<object>();

function isTaken(value: unknown): value is Taken {
  return typeof value === "object" && value !== null && stored.has(value);
}
