/** Checks the login, logs in with OPENAI_API_KEY or a device code if needed, and prints the rate limits. */

import { AuthRequiredError, Codex } from "codex-embed";

const codex = new Codex();
try {
  codex.on("account/updated", ({ params }) => console.log(`login changed to: ${params.authMode ?? "none"}`));
  if ((await codex.account()).account === null) await logIn();
  const { account } = await codex.account();
  console.log(
    account?.type === "chatgpt" ? `${account.email}, ${account.planType}` : `logged in with: ${account?.type}`,
  );
  try {
    const { rateLimits } = await codex.rateLimits();
    console.log(`rate limit used: ${rateLimits.primary?.usedPercent ?? 0} %`);
  } catch (error) {
    if (!AuthRequiredError.isInstance(error)) throw error;
    console.log("An API key has no account rate limits.");
  }
} finally {
  await codex.close();
}

async function logIn(): Promise<void> {
  const key = process.env["OPENAI_API_KEY"];
  if (key !== undefined) return codex.loginApiKey(key); // stored by the runtime, verified when it is first used
  const login = await codex.loginChatgptDeviceCode(); // or loginChatgpt(), for a browser on this machine
  console.log(`Open ${login.verificationUrl} and enter ${login.userCode}`);
  await login.wait({ signal: AbortSignal.timeout(15 * 60_000) });
}
