// Installs system packages, or says which command would.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { onPath } from "./path.mjs";
import { Unprepared } from "./unprepared.mjs";

/** Package names by package manager, for each thing that can be missing. */
const managers = {
  "apt-get": {
    names: { server: ["postgresql"], client: ["postgresql-client"], redis: ["redis-server"], lzop: ["lzop"] },
    command: (names) => `apt-get update && sudo apt-get install -y ${names}`,
  },
  dnf: {
    names: {
      server: ["postgresql-server", "postgresql-contrib"],
      client: ["postgresql"],
      redis: ["redis"],
      lzop: ["lzop"],
    },
    command: (names) => `dnf install -y ${names}`,
  },
  apk: {
    names: {
      server: ["postgresql17", "postgresql17-contrib"],
      client: ["postgresql17-client"],
      redis: ["redis"],
      lzop: ["lzop"],
    },
    command: (names) => `apk add ${names}`,
  },
  pacman: {
    names: { server: ["postgresql"], client: ["postgresql"], redis: ["redis"], lzop: ["lzop"] },
    command: (names) => `pacman -S --needed ${names}`,
  },
  brew: {
    names: { server: ["postgresql@17"], client: ["postgresql@17"], redis: ["redis"], lzop: ["lzop"] },
    command: (names) => `brew install ${names}`,
  },
};

/**
 * Installs what is missing with apt-get, as root or through `sudo -n`.
 * @throws Unprepared with the command to type where that is not possible, or where it failed.
 */
export function installPackages(missing, env, say) {
  const command = installCommand(missing, env);
  if (onPath("apt-get", env) === undefined) {
    throw new Unprepared(`There is no apt-get on PATH to install with. Run:\n  ${command}`);
  }
  const prefix = rightToInstall(env);
  if (prefix === undefined) {
    throw new Unprepared(`Installing needs root, and sudo does not work without a password. Run:\n  ${command}`);
  }
  const names = packageNames(missing, "apt-get");
  say(`installing with apt-get (a minute or so): ${names.join(" ")}`);
  const before = runningServices();
  // RUNLEVEL=1 keeps invoke-rc.d from starting the services that the packages bring: we start our own servers.
  const settings = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
  const apt = ["env", ...settings, "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"];
  // What an installation broken off by Ctrl-C left half done, apt-get refuses to go on from. Whether that is mended,
  // apt-get says; where nothing was left, this does nothing.
  const [first, ...rest] = [...prefix, "env", ...settings, "dpkg", "--configure", "-a"];
  spawnSync(first, rest, { env, stdio: "ignore" });
  for (const action of [["update"], ["install", "-y", "-f", "--no-install-recommends", ...names]]) {
    const [program, ...args] = [...prefix, ...apt, ...action];
    const done = spawnSync(program, args, {
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 2 ** 26,
    });
    if (done.status !== 0) {
      say(`${done.stdout}${done.stderr}`.trimEnd().split("\n").slice(-20).join("\n"));
      throw new Unprepared(`apt-get ${action[0]} failed. Run:\n  ${command}`);
    }
  }
  stopNewServices(before, prefix, say);
}

/** The exact command that would install what is missing, for the package manager that is there; apt-get's when none is. */
export function installCommand(missing, env) {
  const manager = Object.keys(managers).find((name) => onPath(name, env) !== undefined) ?? "apt-get";
  const sudo = manager === "brew" ? "" : "sudo ";
  return `${sudo}${managers[manager].command(packageNames(missing, manager).join(" "))}`;
}

function packageNames(missing, manager) {
  return [...new Set(missing.flatMap(({ part }) => managers[manager].names[part]))];
}

/** What to put before a command so that it runs as root; undefined when we may not. */
function rightToInstall(env) {
  if (process.getuid?.() === 0) return [];
  const sudo = onPath("sudo", env);
  if (sudo === undefined) return undefined;
  return spawnSync(sudo, ["-n", "true"], { env, stdio: "ignore" }).status === 0 ? [sudo, "-n"] : undefined;
}

const services = ["postgresql", "redis-server"];

/** Which of the system's own services run now. Nobody's are ever touched but those that an installation starts. */
function runningServices() {
  if (!existsSync("/run/systemd/system")) return undefined;
  return services.filter((name) => spawnSync("systemctl", ["is-active", "-q", name]).status === 0);
}

/** systemd starts new services whatever RUNLEVEL says; what was not running before is put back to rest. */
function stopNewServices(before, prefix, say) {
  if (before === undefined) return;
  for (const name of (runningServices() ?? []).filter((one) => !before.includes(one))) {
    const [program, ...args] = [...prefix, "systemctl", "disable", "-q", "--now", name];
    spawnSync(program, args, { stdio: ["ignore", 2, 2] });
    say(`${name}: the system's own service was started by its installation and is stopped again`);
  }
}
