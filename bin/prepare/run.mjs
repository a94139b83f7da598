// Runs a program to its end and passes signals on.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const forwarded = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Runs a program with our own input and output, and returns its exit status (128 + number when a signal ended it).
 * The program gets a process group of its own: a terminal sends Ctrl-C to every process of a group and npm sends it once more,
 * so that the program would see two of them, and take the second for impatience. We pass on one.
 * @returns {Promise<number>}
 */
export function runToEnd(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", detached: true, ...options });
    const lastAtMs = new Map();
    const forward = (signal) => {
      const nowMs = Date.now();
      if (nowMs - (lastAtMs.get(signal) ?? 0) < 500) return;
      lastAtMs.set(signal, nowMs);
      child.kill(signal);
    };
    for (const signal of forwarded) process.on(signal, forward);
    const settle = (act) => {
      for (const signal of forwarded) process.off(signal, forward);
      act();
    };
    child.on("error", (error) => settle(() => reject(error)));
    child.on("exit", (status, signal) => {
      settle(() => resolve(status ?? 128 + (constants.signals[signal] ?? 0)));
    });
  });
}
