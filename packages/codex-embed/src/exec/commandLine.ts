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
import { assertRemote, planRemote } from "./remote.js";

/** The thread that a run works on. */
export type ThreadTarget =
  | { readonly kind: "new" }
  | { readonly kind: "resume"; readonly id: string }
  | { readonly kind: "resumeLast"; readonly all: boolean }
  | { readonly kind: "fork"; readonly id: string }
  | { readonly kind: "review"; readonly args: readonly string[] };

/** The parts of a command line. */
export interface ExecPlan {
  readonly codex: CodexOptions;
  readonly thread: ThreadOptions;
  readonly turn: TurnOptions;
  readonly target: ThreadTarget;
  readonly images: readonly string[];
  /** The file with the schema of the answer. */
  readonly schemaPath: string | undefined;
  /** The mark that commands of the agent inherit, by which their processes are found. */
  readonly mark?: string | undefined;
}

const ORIGINATOR = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE";
/** The originator of `@openai/codex-sdk`, so that the runtime and its provider treat both clients alike. */
const ORIGINATOR_NAME = "codex_sdk_ts";

/**
 * Creates the spawn request of a run.
 *
 * @throws UsageError for options that the command line cannot express.
 * @throws LaunchError with the code `BINARY_NOT_FOUND`.
 */
export function planExec(plan: ExecPlan): SpawnRequest {
  if ("id" in plan.target) assertId(plan.target.id);
  if (!isCreating(plan.target)) assertResumable(plan.thread);
  assertRemote(plan);
  const env = { ...execEnvironment(plan.codex), ...planRemote(plan.codex.remote).env };
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
    throw new UsageError(
      "The thread id is empty. Pass the id or the name of an existing thread, or use startThread().",
    );
  }
  // An untrusted id must not be able to turn the sandbox off.
  if (id.startsWith("-")) {
    throw new UsageError(
      `The thread id is ${JSON.stringify(id)}, which the runtime would read as an option. Pass the id or another name.`,
    );
  }
}

function assertResumable({ ephemeral, worktree }: ThreadOptions): void {
  if (ephemeral === true) {
    throw new UsageError(
      "A resumed thread cannot be ephemeral: the runtime would write its turns to disk. Use forkThread(), or omit " +
        "ephemeral.",
    );
  }
  // The runtime creates no second worktree for a thread, and does not find its first one again.
  if (worktree === true) {
    throw new UsageError(
      "worktree works only in the first turn of a new or forked thread. For more turns, resume the thread by its id with " +
        "the worktree as the workingDirectory (git worktree list shows it), or fork the thread.",
    );
  }
}

/** The environment of a run: `env` or, without it, this program's; plus the variables of the SDK. */
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
 * The arguments of a run. Those that `@openai/codex-sdk` knows are in its order. As there, an empty option counts as
 * absent.
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
    ...planRemote(codex.remote).args,
    ...configArgs(overrides),
    // Without a policy of their own, commands inherit the mark, and the command line stays that of `@openai/codex-sdk`.
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
      // Without a prompt argument ("-" is stdin), the runtime forks the thread but runs no turn.
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

/** The runtime would read a path that begins with a dash as an option. */
function asPath<T extends string | undefined>(path: T): T | string {
  return path?.startsWith("-") ? `./${path}` : path;
}

function flag(name: string, value: boolean | undefined): string[] {
  return value ? [name] : [];
}

/** A part of an input: text, or an image file. */
export type UserInput = { type: "text"; text: string } | { type: "local_image"; path: string };

/** The input of a turn: a text, or several parts. */
export type Input = string | UserInput[];

/** An input in the form that the runtime accepts. */
export interface Prompt {
  /** The text for stdin. */
  readonly text: string;
  /** The image files, for the arguments. */
  readonly images: readonly string[];
}

/**
 * Converts an input to a prompt: the texts, separated by an empty line, and the images.
 *
 * @throws UsageError for an invalid input.
 */
export function toPrompt(input: Input | readonly UserInput[]): Prompt {
  if (typeof input === "string") return { text: input, images: [] };
  if (!isList(input)) throw new UsageError("The input must be a string or an array of parts.");
  const texts: string[] = [];
  const images: string[] = [];
  for (const [index, part] of input.entries()) {
    if (isPart(part, "text", "text")) texts.push(part.text);
    else if (isPart(part, "local_image", "path")) images.push(withoutComma(part.path, index));
    else {
      throw new UsageError(
        `Part ${index} of the input must be { type: "text", text: string } or { type: "local_image", path: string }.`,
      );
    }
  }
  return { text: texts.join("\n\n"), images };
}

/** The runtime splits the value of `--image` at commas, has no escape for them, and continues without the image. */
function withoutComma(path: string, index: number): string {
  if (!path.includes(",")) return path;
  throw new UsageError(
    `Part ${index} of the input is the image ${JSON.stringify(path)}. The runtime splits image paths at commas: rename the ` +
      "file or the folder, or copy the image to a path without a comma.",
  );
}

function isList(input: unknown): input is readonly unknown[] {
  return Array.isArray(input);
}

function isPart<M extends string>(part: unknown, type: string, member: M): part is Record<M, string> {
  if (typeof part !== "object" || part === null || !("type" in part) || part.type !== type) return false;
  return typeof Reflect.get(part, member) === "string";
}
