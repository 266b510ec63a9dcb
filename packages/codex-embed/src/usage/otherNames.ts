/** Options that go by another name in `@openai/codex-sdk`, in the Python SDK, on the wire, or here in another place. */

/** Names of one and the same option. The one that a call takes is the one to use. */
const SYNONYMS: readonly (readonly string[])[] = [
  ["cwd", "workingDirectory", "workingDir", "workdir"],
  ["sandbox", "sandboxMode", "sandboxPolicy"],
  ["approvalMode", "approvalPolicy", "approvalsReviewer", "askForApproval"],
  ["effort", "modelReasoningEffort", "reasoningEffort"],
  ["summary", "modelReasoningSummary", "reasoningSummary"],
  ["codexBin", "codexPathOverride", "codexPath"],
  ["outputSchema", "responseFormat"],
  ["deadlineMs", "timeout", "timeoutMs"],
  ["signal", "abortSignal", "abortController"],
  ["tools", "dynamicTools"],
  ["optOutNotifications", "optOutNotificationMethods"],
  ["launchArgs", "launchArgsOverride"],
  ["initialDelayMs", "initialDelayS"],
  ["maxDelayMs", "maxDelayS"],
  ["jitter", "jitterRatio"],
  ["developerInstructions", "instructions", "systemPrompt"],
  ["parameters", "inputSchema", "schema"],
  ["execute", "handler", "invoke"],
];

/** Values that have other names as well. */
const VALUES: Advice = {
  sandboxMode: '"danger-full-access" is "full-access" here.',
  sandboxPolicy: 'It takes "read-only", "workspace-write" or "full-access".',
  approvalPolicy: '"never" is "deny_all" here; "on-request" is "ask", with handlers, or "auto_review".',
  approvalsReviewer: '"user" is "ask" here.',
  abortController: "Give its .signal.",
  timeout: "In milliseconds.",
  initialDelayS: "In milliseconds.",
  maxDelayS: "In milliseconds.",
};

/** What to do in place of an option, by its name. */
export type Advice = Readonly<Record<string, string>>;

/** Options that a call does not take, and how to get the same. */
export const ELSEWHERE: Advice = {
  skipGitRepoCheck: "There is no such check here: leave it out.",
  networkAccessEnabled:
    "Use config: { sandbox_workspace_write: { network_access: true } } of the client or the thread.",
  additionalDirectories:
    "Use config: { sandbox_workspace_write: { writable_roots: […] } } of the client or the thread.",
  addDirs: "Use config: { sandbox_workspace_write: { writable_roots: […] } } of the client or the thread.",
  webSearchMode: 'Use config: { web_search: "live" } of the client or the thread.',
  webSearchEnabled: 'Use config: { web_search: "live" } of the client or the thread.',
  baseUrl: "Use config: { openai_base_url: … } of the client.",
  apiKey: "Log in with await codex.loginApiKey(key), or use a provider with env_key.",
  ignoreUserConfig:
    "The app-server has no such switch: give the client a codexHome of its own, or use codex-embed/exec.",
  ignoreRules: "The app-server has no such switch: give the client a codexHome of its own, or use codex-embed/exec.",
  threadId: "The id is an argument of its own: codex.resumeThread(threadId, options).",
  input: "The input is an argument of its own: thread.run(input, options).",
  outputSchema: "It belongs to a turn: thread.run(input, { outputSchema }).",
  repairAttempts: "It belongs to thread.run(input, { outputSchema, repairAttempts }).",
  deadlineMs: "It belongs to a turn: thread.run(input, { deadlineMs }).",
  idleTimeoutMs: "It belongs to a turn: thread.run(input, { idleTimeoutMs }).",
  signal: "It belongs to a turn: thread.run(input, { signal }).",
  effort: "It belongs to a turn: thread.run(input, { effort }). For a thread: config: { model_reasoning_effort: … }.",
  summary:
    "It belongs to a turn: thread.run(input, { summary }). For a thread: config: { model_reasoning_summary: … }.",
  sandbox: "It belongs to a thread: codex.startThread({ sandbox }).",
  approvalMode: "It belongs to a thread: codex.startThread({ approvalMode }).",
  developerInstructions: "It belongs to a thread: codex.startThread({ developerInstructions }).",
  baseInstructions: "It belongs to a thread: codex.startThread({ baseInstructions }).",
  tools: "It belongs to a thread: codex.startThread({ tools }).",
  model: "It belongs to a thread: codex.startThread({ model }). For all threads of a client: config: { model: … }.",
  modelProvider: "It belongs to a thread: codex.startThread({ modelProvider }).",
  handlers: "It belongs to the client or to a thread: codex.startThread({ handlers }).",
  config: "It belongs to the client or to a thread: codex.startThread({ config }).",
  codexHome: "It belongs to the client: new Codex({ codexHome }).",
  codexBin: "It belongs to the client: new Codex({ codexBin }).",
  env: "It belongs to the client: new Codex({ env }).",
  logger: "It belongs to the client: new Codex({ logger }).",
};

/** What to do about an option that a call does not know; null when nothing is known of the name. */
export function adviceFor(key: string, known: readonly string[], elsewhere: Advice): string | null {
  const name = camelCase(key);
  if (name !== key && known.includes(name)) return `Use ${name}.`;
  const synonyms = SYNONYMS.find((names) => names.includes(name)) ?? [name];
  const ours = synonyms.find((synonym) => known.includes(synonym));
  if (ours !== undefined) return ["Use", `${ours}.`, own(VALUES, name)].filter((word) => word !== null).join(" ");
  const named = [name, ...synonyms].find((synonym) => own(elsewhere, synonym) !== null);
  return named === undefined ? null : own(elsewhere, named);
}

function own(table: Advice, key: string): string | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

/** `output_schema` and `output-schema` as `outputSchema`. */
function camelCase(key: string): string {
  return key.replace(/[_-]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
