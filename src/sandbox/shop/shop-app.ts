import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("./shop-main.ts", import.meta.url));
const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The command of one kind of the shop's processes, run by the Node that runs us, from this checkout. */
export const shopCommand = (role: "web" | "worker" | "scheduler" | "release"): string =>
  `${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(main)} ${role}`;

/** How many dynos of each process type, and whether there is a release phase. */
export interface ShopFormation {
  readonly web?: number;
  readonly worker?: number;
  readonly releasePhase?: boolean;
}

/** The shop's Procfile for the Heroku stand-in. */
export function shopProcesses({
  web = 1,
  worker = 1,
  releasePhase = true,
}: ShopFormation): Record<string, { readonly command: string; readonly quantity?: number }> {
  return {
    web: { command: shopCommand("web"), quantity: web },
    worker: { command: shopCommand("worker"), quantity: worker },
    ...(releasePhase ? { release: { command: shopCommand("release") } } : {}),
  };
}
