/** What the model is asked, made comparable: names alone, since the values differ from request to request. */

import type { TestCodex } from "codex-embed/testing";

/** The headers, the members of the body, the tools, and the length of each developer message. */
export function described(request: TestCodex["model"]["requests"][number]): Readonly<Record<string, unknown>> {
  const { host: _host, ...headers } = request.headers;
  return {
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        name.startsWith("accept") || name === "content-type" ? value : "present",
      ]),
    ),
    body: Object.fromEntries(Object.keys(request.body).map((name) => [name, "present"])),
    tools: Object.fromEntries(request.toolNames().map((name) => [name, "offered"])),
    developerMessages: request.developerTexts().map((text) => `${text.length} characters`),
  };
}
