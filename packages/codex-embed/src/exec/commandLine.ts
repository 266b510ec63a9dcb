import { UsageError } from "../errors/base.js";
import { checkedOverrides, configOverrides } from "../process/config.js";
import {
  launchEnvironment,
  markOverride,
  newMark,
  readVariable,
  variableKey,
  withMark,
  withPathFolder,
} from "../process/environment.js";
import { assertArguments, featureArgs, type SpawnRequest } from "../process/launch.js";
import { locateRuntime } from "../process/locate.js";
import type { CodexOptions, ThreadOptions, TurnOptions } from "./options.js";

/** Which thread a run works on. */
export type ThreadTarget =
  | { readonly kind: "new" }
  | { readonly kind: "resume"; readonly id: string }
  | { readonly kind: "resumeLast"; readonly all: boolean }
  | { readonly kind: "fork"; readonly id: string }
  | { readonly kind: "review"; readonly args: readonly string[] };

/** What a command line is made of. */
export interface ExecPlan {
  readonly codex: CodexOptions;
  readonly thread: ThreadOptions;
  readonly turn: TurnOptions;
  readonly target: ThreadTarget;
  readonly images: readonly string[];
  /** The file that holds the schema of the answer. */
  readonly schemaPath: string | undefined;
  /** The mark that commands get. */
  readonly mark?: string | undefined;
}

const ORIGINATOR = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE";
/** The name that `@openai/codex-sdk` goes by, so that the runtime and its provider treat a switched program alike. */
const ORIGINATOR_NAME = "codex_sdk_ts";

/**
 * Makes the spawn request of a run.
 *
 * @throws UsageError for an option that the command line cannot carry.
 * @throws LaunchError with code BINARY_NOT_FOUND.
 */
export function planExec(plan: ExecPlan): SpawnRequest {
  if ("id" in plan.target) assertId(plan.target.id);
  if (!isCreating(plan.target)) assertResumable(plan.thread);
  const env = execEnvironment(plan.codex);
  const located = locateRuntime({
    codexBin: plan.codex.codexPathOverride || undefined,
    optionName: "codexPathOverride",
    env,
  });
  const mark = newMark();
  const args = [...located.args, ...execArgs({ ...plan, mark })];
  assertArguments(args);
  const { pathDir, source, command } = located;
  const found = source === "package" && pathDir !== null ? withPathFolder(env, pathDir) : env;
  return { command, args, env: withMark(found, mark), mark };
}

function assertId(id: unknown): void {
  if (typeof id !== "string" || id === "") {
    throw new UsageError("The id of the thread is empty. Give the id of one that exists, or start a new one.");
  }
  // An id from outside must not be able to switch the sandbox off.
  if (id.startsWith("-")) {
    throw new UsageError(
      `The id of the thread is ${JSON.stringify(id)}, which the runtime takes for an option. Give the id, or another name.`,
    );
  }
}

function assertResumable({ ephemeral, worktree }: ThreadOptions): void {
  if (ephemeral === true) {
    throw new UsageError(
      "ephemeral cannot be used with a thread that is resumed: the runtime writes its turns to disk all the same. " +
        "Fork the thread instead, or leave ephemeral out.",
    );
  }
  // The runtime refuses to make another worktree for the thread, and does not find the way back to its first one.
  if (worktree === true) {
    throw new UsageError(
      "worktree cannot be used with a thread that is resumed, nor for a second turn: the runtime makes worktrees for " +
        "new and forked threads alone. Resume the thread by its id with the worktree as the workingDirectory (git " +
        "worktree list shows it), or fork it.",
    );
  }
}

/** The environment of a run: `env` alone when it is given, else this program's; and the SDK's own variables. */
export function execEnvironment(
  { env, apiKey }: Pick<CodexOptions, "env" | "apiKey">,
  platform: string = process.platform,
): Record<string, string> {
  const result = launchEnvironment({ env, inheritEnv: env === undefined }, platform);
  const set = (name: string, value: string) => {
    result[variableKey(result, name, platform)] = value;
  };
  if (!readVariable(result, ORIGINATOR, platform)) set(ORIGINATOR, ORIGINATOR_NAME);
  if (apiKey) set("CODEX_API_KEY", apiKey);
  return result;
}

/**
 * The arguments of a run. Those that `@openai/codex-sdk` knows are in its order; an option that is empty counts as left
 * out, as it does there.
 */
export function execArgs({ codex, thread, turn, target, images, schemaPath, mark }: ExecPlan): string[] {
  const { webSearchMode, webSearchEnabled, networkAccessEnabled } = thread;
  const overrides = [
    ...configOverrides(codex.config ?? {}, { dottedKeys: true }),
    ...checkedOverrides(codex.configOverrides ?? []),
  ];
  const webSearch = webSearchMode || (webSearchEnabled === undefined ? "" : webSearchEnabled ? "live" : "disabled");
  return [
    "exec",
    "--experimental-json",
    ...configArgs(overrides),
    // The usual policy hands the whole environment on, and the command line stays that of `@openai/codex-sdk`.
    ...configArgs(mark !== undefined && overrides.some(isEnvironmentPolicy) ? [markOverride(mark)] : []),
    ...setting({ openai_base_url: codex.baseUrl || undefined }),
    ...featureArgs(codex),
    ...option("--profile", codex.profile),
    ...flag("--ignore-user-config", codex.ignoreUserConfig),
    ...flag("--ignore-rules", codex.ignoreRules),
    ...option("--model", thread.model),
    ...(thread.threadSource !== undefined && isCreating(target) ? ["--thread-source", thread.threadSource] : []),
    ...option("--sandbox", thread.sandboxMode),
    ...option("--cd", asPath(thread.workingDirectory)),
    ...[...(thread.additionalDirectories ?? []), ...(thread.addDirs ?? [])].flatMap((folder) => [
      "--add-dir",
      asPath(folder),
    ]),
    ...flag("--skip-git-repo-check", thread.skipGitRepoCheck),
    ...flag("--ephemeral", thread.ephemeral),
    ...flag("--worktree", thread.worktree),
    ...flag("--trust", thread.trust),
    ...flag("--oss", thread.oss),
    ...option("--local-provider", thread.localProvider),
    ...flag("--approve-for-me", thread.approveForMe),
    ...flag("--dangerously-bypass-approvals-and-sandbox", thread.dangerouslyBypassApprovalsAndSandbox),
    ...flag("--dangerously-bypass-hook-trust", thread.dangerouslyBypassHookTrust),
    ...option("--output-schema", schemaPath),
    ...(turn.cyberAccessProgram === undefined ? [] : ["--cyber-access-program", turn.cyberAccessProgram]),
    ...option("--output-last-message", asPath(turn.outputLastMessage)),
    ...setting({ model_reasoning_effort: thread.modelReasoningEffort || undefined }),
    ...setting({ sandbox_workspace_write: { network_access: networkAccessEnabled } }),
    ...setting({ web_search: webSearch || undefined }),
    ...setting({ approval_policy: thread.approvalPolicy || undefined }),
    ...targetArgs(target),
    ...images.flatMap((path) => ["--image", asPath(path)]),
  ];
}

function isCreating(target: ThreadTarget): boolean {
  return target.kind !== "resume" && target.kind !== "resumeLast";
}

function targetArgs(target: ThreadTarget): string[] {
  switch (target.kind) {
    case "new":
      return [];
    case "resume":
      return ["resume", target.id];
    case "resumeLast":
      return ["resume", "--last", ...flag("--all", target.all)];
    case "fork":
      // Without a prompt of its own, which may be stdin, the runtime forks and runs nothing.
      return ["fork", target.id, "-"];
    case "review":
      return ["review", ...target.args];
  }
}

function isEnvironmentPolicy(override: string): boolean {
  return override.trimStart().startsWith("shell_environment_policy");
}

function setting(config: Parameters<typeof configOverrides>[0]): string[] {
  return configArgs(configOverrides(config));
}

function configArgs(overrides: readonly string[]): string[] {
  return overrides.flatMap((override) => ["--config", override]);
}

function option(name: string, value: string | undefined): string[] {
  return value ? [name, value] : [];
}

/** A path that begins with a dash would be read as an option. */
function asPath<T extends string | undefined>(path: T): T | string {
  return path?.startsWith("-") ? `./${path}` : path;
}

function flag(name: string, value: boolean | undefined): string[] {
  return value ? [name] : [];
}

/** A piece of text, or an image in a file. */
export type UserInput = { type: "text"; text: string } | { type: "local_image"; path: string };

/** What a turn is given: a text, or several pieces. */
export type Input = string | UserInput[];

/** An input in the form that the runtime takes. */
export interface Prompt {
  /** What goes to stdin. */
  readonly text: string;
  /** The files that go into arguments. */
  readonly images: readonly string[];
}

/**
 * Brings an input to a prompt: the texts, with an empty line between them, and the images.
 *
 * @throws UsageError for anything else.
 */
export function toPrompt(input: Input | readonly UserInput[]): Prompt {
  if (typeof input === "string") return { text: input, images: [] };
  if (!isList(input)) throw new UsageError("The input is neither a string nor a list of parts.");
  const texts: string[] = [];
  const images: string[] = [];
  for (const [index, part] of input.entries()) {
    if (isPart(part, "text", "text")) texts.push(part.text);
    else if (isPart(part, "local_image", "path")) images.push(withoutComma(part.path, index));
    else {
      throw new UsageError(
        `Part ${index} of the input is neither { type: "text", text } nor { type: "local_image", path }, with strings.`,
      );
    }
  }
  return { text: texts.join("\n\n"), images };
}

/** The runtime divides the value of `--image` at commas, knows no way around it, and goes on without the image. */
function withoutComma(path: string, index: number): string {
  if (!path.includes(",")) return path;
  throw new UsageError(
    `Part ${index} of the input is the image ${JSON.stringify(path)}. The runtime takes a comma for the end of a path: ` +
      "give the file, and its folders, names without one.",
  );
}

function isList(input: unknown): input is readonly unknown[] {
  return Array.isArray(input);
}

function isPart<M extends string>(part: unknown, type: string, member: M): part is Record<M, string> {
  if (typeof part !== "object" || part === null || !("type" in part) || part.type !== type) return false;
  return typeof Reflect.get(part, member) === "string";
}
