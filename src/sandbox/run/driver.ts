import { setTimeout as delay } from "node:timers/promises";
import { ids } from "../slack/cast.ts";
import { linger, type PlayStage, turn } from "./turn.ts";

/** How long Slack shows nothing before Greg types his command once more. */
const patienceMs = 8_000;

/** Greg, who drives. */
export interface Driver {
  /** Types a command and waits for the worker's answer. @returns whether it was carried out. */
  type(text: string, why: string): Promise<boolean>;
}

/**
 * Greg types again what got lost: while the bot is being restarted, Slack tells him that his command came to nothing,
 * and the journal never hears of it.
 */
export function driver(stage: PlayStage, chance: () => number): Driver {
  const { view, people, say } = stage;
  const send = async (text: string): Promise<number | undefined> => {
    const before = (await view.lastCommand())?.id ?? 0;
    await people.command(ids.greg, text);
    const arrived = async (): Promise<number | false> => {
      const id = (await view.lastCommand())?.id ?? 0;
      return id > before && id;
    };
    return turn(stage, `${text} to reach the journal`, arrived, patienceMs).catch(() => undefined);
  };
  return {
    type: async (text, why) => {
      await linger(stage, chance);
      say(`Greg types ${text} (${why})`);
      await people.hint("");
      for (let tries = 1; ; tries += 1) {
        const id = await send(text);
        stage.signal.throwIfAborted();
        if (id !== undefined) {
          const answer = await turn(stage, `an answer to ${text}`, async () => {
            const last = await view.lastCommand();
            return last !== undefined && (last.id > id || last.answered) && last;
          });
          return !answer.refused;
        }
        if (tries === 10) throw new Error(`${text} did not reach Drawbridge ${tries} times; see logs/bot.log`);
        say(`Slack could not deliver it; Greg types ${text} again`);
        await delay(1000, undefined, { signal: stage.signal });
      }
    },
  };
}
