/** What pages name and a machine lacks: folders, ports and addresses, and the variables that stand for them in a run. */

import type { ScriptedModel, TestHome } from "codex-embed/testing";
import { locateRuntime } from "../../../packages/codex-embed/src/process/locate.js";

const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** What stands in the code of a page, and what is run in its place. */
const PLACES: readonly (readonly [written: RegExp, expression: string])[] = [
  [/"(?:\/path\/to\/project|\/srv\/project|\/work)"/g, text("DOCS_WORKSPACE")],
  [/"\/srv\/agent"/g, text("DOCS_CODEX_HOME")],
  [/"\/opt\/codex\/bin\/codex"/g, text("DOCS_CODEX_BIN")],
  [/"http:\/\/127\.0\.0\.1:11434\/v1"|"https:\/\/models\.example\.org\/v1"/g, text("DOCS_MODEL_URL")],
  [/"https:\/\/example\.org\/chart\.png"/g, JSON.stringify(`data:image/png;base64,${PICTURE}`)],
  [/"http:\/\/127\.0\.0\.1:8080"/g, text("DOCS_ORIGIN")],
  [/(?<=\.listen\(|\bport: )\d{4}\b/g, `Number(process.env["DOCS_PORT"])`],
];

function text(variable: string): string {
  return `String(process.env["${variable}"])`;
}

/** The code of a page with variables in the place of what it names. */
export function withPlaces(source: string): string {
  return PLACES.reduce((changed, [written, expression]) => changed.replaceAll(written, expression), source);
}

/** What the variables hold. Without a port, a server takes one that is free. */
export function placesOf(home: TestHome, model: ScriptedModel, port = 0): Record<string, string> {
  return {
    DOCS_WORKSPACE: home.workspace,
    DOCS_CODEX_HOME: home.codexHome,
    DOCS_CODEX_BIN: locateRuntime({ env: process.env }).path,
    DOCS_MODEL_URL: model.baseUrl,
    DOCS_ORIGIN: originOf(port),
    DOCS_PORT: String(port),
  };
}

/** The origin of what is served at a port of this machine. */
export function originOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}
