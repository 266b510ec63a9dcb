/** Lists the models of the account, and selects a model for a thread and an effort for a turn. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const models = await codex.models();
  for (const { model, displayName, isDefault, supportedReasoningEfforts } of models) {
    const efforts = supportedReasoningEfforts.map(({ reasoningEffort }) => reasoningEffort).join(", ");
    console.log(`${isDefault ? "*" : " "} ${model} (${displayName}): ${efforts}`);
  }
  const chosen = models.find(({ isDefault }) => isDefault) ?? models[0];
  if (chosen === undefined) throw new Error("The account has no models.");

  const thread = await codex.startThread({ model: chosen.model, sandbox: "read-only" });
  const lightest = chosen.supportedReasoningEfforts[0]?.reasoningEffort ?? chosen.defaultReasoningEffort;
  const { finalResponse } = await thread.run("What is 6 times 7?", { effort: lightest }); // this turn and the following ones
  console.log(`${thread.model}, ${lightest}: ${finalResponse}`);
} finally {
  await codex.close();
}
