import { spawn } from "node:child_process";

/** Ends a server and removes its directory when the test process dies without doing so itself. */
export interface Watchdog {
  /** The server is gone; nothing is left to watch. */
  dismiss(): void;
}

/**
 * Watches over one server. The pipe on its standard input closes with our process, however that dies, so that a
 * killed test run leaves no server behind.
 */
export function watchOver(serverPid: number, directory: string): Watchdog {
  const script = `trap '' INT TERM HUP; read word; [ "$word" = done ] && exit 0; kill -QUIT "$1" 2>/dev/null; sleep 1; rm -rf "$2"`;
  const dog = spawn("/bin/sh", ["-c", script, "watchdog", String(serverPid), directory], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  dog.on("error", () => undefined);
  dog.stdin.on("error", () => undefined);
  dog.unref();
  unrefPipe(dog.stdin);
  return { dismiss: () => void dog.stdin.end("done\n") };
}

/** Keeps the pipe from keeping the test process alive. Node's type for it does not show that it is a socket. */
function unrefPipe(pipe: object): void {
  if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();
}
