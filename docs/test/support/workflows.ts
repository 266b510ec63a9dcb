/** Owns reading the GitHub workflows of the documentation, with GitHub's own parser. */

import type * as workflowParser from "@actions/workflow-parser";
import { build } from "esbuild";
import { BUNDLED } from "../../../scripts/shared/bundle.js";
import { ROOT } from "./pages.js";

const BUNDLE = `${ROOT}node_modules/.cache/codex-embed-tests/workflowParser.mjs`;

/** What is wrong with a workflow; and the scripts that its steps run, when nothing is. */
export interface Workflow {
  readonly faults: readonly string[];
  readonly scripts: readonly string[];
}

/** Reads a workflow, with the names that its expressions use. */
export async function readWorkflow(content: string): Promise<Workflow> {
  const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await loadParser();
  const { context, value } = parseWorkflow({ name: "workflow.yml", content }, new NoOperationTraceWriter());
  const faults = (): string[] => context.errors.getErrors().map(({ message }) => message);
  if (value === undefined || faults().length > 0) return { faults: faults(), scripts: [] };
  const { jobs } = await convertWorkflowTemplate(context, value);
  const steps = jobs.flatMap((job) => ("steps" in job ? job.steps : []));
  return { faults: faults(), scripts: steps.flatMap((step) => ("run" in step ? [step.run.toDisplayString()] : [])) };
}

/** The package imports JSON as bundlers take it, and Node does not. */
async function loadParser(): Promise<typeof workflowParser> {
  await build({
    entryPoints: ["@actions/workflow-parser"],
    absWorkingDir: ROOT,
    outfile: BUNDLE,
    bundle: true,
    format: "esm",
    platform: "node",
    target: BUNDLED.target,
    external: ["@actions/expressions", "cronstrue", "yaml"],
    logLevel: "warning",
  });
  const parser: typeof workflowParser = await import(BUNDLE);
  return parser;
}
