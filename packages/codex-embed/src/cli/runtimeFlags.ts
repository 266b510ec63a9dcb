/** Owns the flags that say which runtime is started and how, for every command that starts one. */

import { resolve } from "node:path";
import type { CodexOptions } from "../index.js";
import type { Arguments, Flags } from "./flags.js";

/** The flags of every command that starts a runtime. */
export const RUNTIME_FLAGS: Flags = {
  cwd: { value: "FOLDER", short: "C", option: ["cwd"], help: "The folder to work in. Default: this one." },
  config: {
    value: "KEY=VALUE",
    short: "c",
    repeats: true,
    option: ["configOverrides"],
    help: "A setting over config.toml; the value is TOML.",
  },
  "codex-home": {
    value: "FOLDER",
    option: ["codexHome"],
    help: "Configuration, login and history. Default: CODEX_HOME, then ~/.codex.",
  },
  "codex-bin": {
    value: "FILE",
    option: ["codexBin"],
    help: "The runtime to start. Default: CODEX_BIN, then the installed package.",
  },
};

/** The options that the flags stand for. */
export function runtimeOptions(args: Arguments): CodexOptions {
  const cwd = args.text("cwd");
  return {
    codexBin: args.text("codex-bin"),
    codexHome: args.text("codex-home"),
    configOverrides: args.list("config"),
    ...(cwd === undefined ? {} : { cwd: resolve(cwd) }),
  };
}
