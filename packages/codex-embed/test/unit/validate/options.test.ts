import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HANDLERS, RUN, START_THREAD } from "../../../src/client/knownOptions.js";
import { UsageError } from "../../../src/errors/base.js";
import { expandHome } from "../../../src/process/paths.js";
import {
  flag,
  integer,
  kindOf,
  listOf,
  milliseconds,
  nullable,
  oneOf,
  recordOf,
  required,
  signal,
  text,
} from "../../../src/validate/kinds.js";
import { checkOptions, members, nested, type OptionTable, variants } from "../../../src/validate/options.js";

interface Some {
  readonly name?: string | undefined;
  readonly limits?: { readonly waitMs?: number | undefined } | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly mode?: "read-only" | "full-access" | undefined;
  readonly quiet?: boolean | null | undefined;
}

const SOME: OptionTable<Some> = {
  name: text,
  limits: nested({ waitMs: milliseconds }),
  tags: listOf(text),
  env: recordOf(text),
  mode: oneOf(["read-only", "full-access"]),
  quiet: nullable(flag),
};

const check = (options: unknown): unknown => Reflect.apply(checkOptions, undefined, [options, "call", SOME]);

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("It was not refused.");
}

describe("checkOptions", () => {
  it.each([
    {},
    { name: "x", limits: { waitMs: 5 }, tags: ["a"], env: { A: "b", C: undefined }, mode: "read-only", quiet: true },
    { name: undefined, limits: undefined, quiet: null },
    { [Symbol("hidden")]: 1, name: "x" },
  ])("takes %o", (options) => {
    expect(check(options)).toBe(options);
  });

  it.each<[unknown, string]>([
    [{ nam: "x" }, "call: unknown option nam. Did you mean name?"],
    [{ nothing: undefined }, "call: unknown option nothing. Known options: name, limits, tags, env, mode, quiet."],
    [{ limits: { waitms: 5 } }, "call: unknown option limits.waitms. Did you mean waitMs?"],
    [{ "a b": 1 }, 'call: unknown option "a b".'],
    [JSON.parse(`{"__proto__":1}`), "call: unknown option __proto__."],
    [{ name: 5 }, "call: name is a number. Give a string."],
    [{ name: null }, "call: name is null. Give a string."],
    [{ name: new String("x") }, "call: name is an object. Give a string."],
    [{ limits: 5 }, "call: limits is a number. Give an object of options, or leave it out."],
    [{ limits: null }, "call: limits is null."],
    [{ limits: { waitMs: "5" } }, "call: limits.waitMs is a string; it must be more than 0"],
    [{ limits: { waitMs: 0 } }, "call: limits.waitMs is 0; it must be more than 0"],
    [{ limits: { waitMs: Number.NaN } }, "call: limits.waitMs is NaN; it must be more than 0"],
    [{ tags: "a" }, "call: tags is a string. Give an array."],
    [{ tags: ["a", 1] }, "call: tags[1] is a number. Give a string."],
    [{ tags: Array(1) }, "call: tags[0] is undefined. Give a string."],
    [{ env: { A: 1 } }, "call: env.A is a number. Give a string."],
    [{ env: new Map([["A", "b"]]) }, "call: env is a Map. Give an object."],
    [new Map([["name", "x"]]), "call: options is a Map."],
    [Promise.resolve({}), "call: options is a Promise."],
    [{ mode: "readonly" }, 'call: mode is an unknown string; it must be one of "read-only", "full-access"'],
    [{ mode: "readonly" }, 'Did you mean "read-only"?'],
    [{ quiet: "yes" }, "call: quiet is a string. Give true or false."],
    [null, "call: options is null. Give an object of options"],
    [[], "call: options is an array."],
    ["x", "call: options is a string."],
    [() => {}, "call: options is a function."],
  ])("refuses %o", (options, message) => {
    expect(messageOf(() => check(options))).toContain(message);
  });

  it("takes instances of classes, and what they inherit from theirs", () => {
    class Base {
      get mode() {
        return "read-only" as const;
      }
    }
    class Options extends Base {
      name = "x";
    }
    const given = checkOptions<Some>(new Options(), "call", SOME);
    expect({ ...given }).toEqual({ name: "x", mode: "read-only" });
    class Wrong {
      get mode() {
        return "readonly";
      }
    }
    expect(messageOf(() => check(new Wrong()))).toContain("call: mode is an unknown string");
  });

  it("does not take what somebody hung onto every object", () => {
    const polluted: { quiet?: boolean } = Object.prototype;
    polluted.quiet = true;
    try {
      expect(Object.keys({ ...checkOptions<Some>({}, "call", SOME) })).toEqual([]);
    } finally {
      delete polluted.quiet;
    }
  });

  it("asks for what must be given", () => {
    const table = { name: required(text), count: required(integer(1)) };
    expect(messageOf(() => Reflect.apply(checkOptions, undefined, [{}, "call", table]))).toBe(
      "call: name is undefined. Give a string.",
    );
  });

  it("tells kinds apart, without the value", () => {
    const secret = "sk-secret";
    expect(
      [undefined, null, secret, "", 1, Number.NaN, 1n, true, () => {}, Symbol("x"), [], {}, new Date(), new Map()].map(
        kindOf,
      ),
    ).toEqual([
      "undefined",
      "null",
      "a string",
      "an empty string",
      "a number",
      "NaN",
      "a bigint",
      "a boolean",
      "a function",
      "a symbol",
      "an array",
      "an object",
      "a Date",
      "a Map",
    ]);
    const broken = Object.defineProperty({}, "constructor", {
      get: () => {
        throw new Error("no");
      },
    });
    expect(kindOf(broken)).toBe("an object");
    expect(kindOf(Object.create(null))).toBe("an object");
  });

  it("says of a controller that its signal is meant", () => {
    const place = { call: "run", path: "signal" };
    expect(messageOf(() => signal(new AbortController(), place))).toBe(
      "run: signal is an AbortController. Give its .signal.",
    );
    expect(messageOf(() => signal({}, place))).toBe("run: signal is an object. Give an AbortSignal.");
    signal(AbortSignal.abort(), place);
  });

  it("lets an instance with handlers have a state of its own, and no plain object", () => {
    class Deciders {
      database = {};
      approveCommand() {
        return "decline";
      }
    }
    const handlers = members(HANDLERS);
    const place = { call: "new Codex", path: "handlers" };
    handlers(new Deciders(), place);
    expect(messageOf(() => handlers({ approveComand: () => "accept" }, place))).toBe(
      "new Codex: unknown option handlers.approveComand. Did you mean approveCommand?",
    );
    expect(messageOf(() => handlers({ approveCommand: "accept" }, place))).toBe(
      "new Codex: handlers.approveCommand is a string. Give a function.",
    );
  });

  it("reads options that differ by kind by the table of their kind", () => {
    const auth = variants("type", { token: { type: text, token: text }, none: { type: text } });
    const place = { call: "serve", path: "auth" };
    auth({ type: "token", token: "x" }, place);
    expect(messageOf(() => auth({ type: "none", token: "x" }, place))).toContain("serve: unknown option auth.token.");
    expect(messageOf(() => auth({ type: "nune" }, place))).toContain('Did you mean "none"?');
    expect(messageOf(() => auth({}, place))).toContain("serve: auth.type is undefined; it must be one of");
    expect(messageOf(() => auth("none", place))).toBe("serve: auth is a string. Give an object with a type.");
  });

  it("cuts a long name, and looks for nothing near to it", () => {
    const said = messageOf(() => check({ ["x".repeat(1_000_000)]: 1 }));
    expect(said).toContain(`unknown option "${"x".repeat(60)}…".`);
    expect(said.length).toBeLessThan(300);
  });

  it("stops at the first name that it does not know", () => {
    const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`key${index}`, index]));
    expect(messageOf(() => check(many))).toContain("unknown option key0");
  });
});

describe("names of other packages", () => {
  it.each<[object, string]>([
    [{ sandboxMode: "read-only" }, 'Use sandbox. "danger-full-access" is "full-access" here.'],
    [{ sandbox_mode: "read-only" }, "Use sandbox."],
    [{ sandboxPolicy: { type: "readOnly" } }, "Use sandbox."],
    [{ approvalPolicy: "never" }, 'Use approvalMode. "never" is "deny_all" here'],
    [{ approval_policy: "never" }, "Use approvalMode."],
    [{ approval_mode: "deny_all" }, "Use approvalMode."],
    [{ approvalmode: "deny_all" }, "Did you mean approvalMode?"],
    [{ workingDirectory: "/" }, "Use cwd."],
    [{ skipGitRepoCheck: true }, "There is no such check here: leave it out."],
    [{ modelReasoningEffort: "high" }, "config: { model_reasoning_effort: … }"],
    [{ networkAccessEnabled: true }, "sandbox_workspace_write: { network_access: true }"],
    [{ webSearchMode: "live" }, 'config: { web_search: "live" }'],
    [{ additionalDirectories: [] }, "writable_roots"],
    [{ outputSchema: {} }, "thread.run(input, { outputSchema })"],
    [{ output_schema: {} }, "thread.run(input, { outputSchema })"],
    [{ codexPathOverride: "/x" }, "It belongs to the client: new Codex({ codexBin })."],
    [{ baseUrl: "x" }, "config: { openai_base_url: … }"],
    [{ apiKey: "x" }, "codex.loginApiKey(key)"],
    [{ env: {} }, "It belongs to the client: new Codex({ env })."],
    [{ thread_id: "x" }, "codex.resumeThread(threadId, options)"],
    [{ base_instructions: "x" }, "Use baseInstructions."],
    [{ dynamicTools: [] }, "Use tools."],
  ])("of a thread: %j", (options, advice) => {
    const said = messageOf(() => Reflect.apply(checkOptions, undefined, [options, "startThread", START_THREAD]));
    expect(said).toContain(advice);
  });

  it.each<[object, string]>([
    [{ output_schema: {} }, "Use outputSchema."],
    [{ modelReasoningEffort: "high" }, "Use effort."],
    [{ timeout: 5 }, "Use deadlineMs. In milliseconds."],
    [{ abortSignal: null }, "Use signal."],
    [{ repairAttempt: 1 }, "Did you mean repairAttempts?"],
    [{ input: "x" }, "thread.run(input, options)"],
  ])("of a turn: %j", (options, advice) => {
    const said = messageOf(() => Reflect.apply(checkOptions, undefined, [options, "run", RUN]));
    expect(said).toContain(advice);
  });
});

describe("expandHome", () => {
  it("means the user's own home, and nobody else's", () => {
    expect(expandHome("~", "cwd")).toBe(homedir());
    expect(expandHome("~/x/y", "cwd")).toBe(join(homedir(), "x/y"));
    for (const path of ["/x", "x", "./~", "a/~/b", ""]) expect(expandHome(path, "cwd")).toBe(path);
    expect(messageOf(() => expandHome("~root/x", "codexHome"))).toContain("codexHome begins with ~ and a name.");
  });
});
