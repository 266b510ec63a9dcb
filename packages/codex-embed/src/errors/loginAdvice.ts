/** The two ways to log in. */
export const LOGIN_ADVICE =
  "Run `npx codex login` (with CODEX_HOME set to the client's codexHome, if it has one), or log in with an API key: " +
  "await codex.loginApiKey(key).";
