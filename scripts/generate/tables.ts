/** The text of the tables module: methods with their types, and the routing of notifications. */

import type { Field, Method, Protocol } from "./protocol.js";
import { mapResults, resultExceptions } from "./results.js";

/** The module that stands beside the merged protocol types, and the methods that a person has to look at. */
export interface Tables {
  readonly text: string;
  readonly problems: readonly string[];
}

/** Prints the tables. A method that does not fit them is told as a problem: the others are printed anyway. */
export function printTables(protocol: Protocol, version: string, exceptions = resultExceptions): Tables {
  const clientRequests = protocol.methods("ClientRequest");
  const serverRequests = protocol.methods("ServerRequest");
  const notifications = protocol.methods("ServerNotification");
  const clientNotifications = protocol.methods("ClientNotification");
  const mapped = mapResults([...clientRequests, ...serverRequests], protocol.typeNames, exceptions);
  const { results } = mapped;
  const problems = [...mapped.problems];
  const fieldsOf = ({ method }: Method) => protocol.fields("ServerNotification", method);
  const references = [clientRequests, serverRequests, notifications, clientNotifications]
    .flat()
    .flatMap((each) => each.references);
  const named = [...references, ...results.values()].filter((name) => protocol.typeNames.has(name));
  const imports = [...new Set(named)].sort();

  const blocks = [
    block("", "import type {", imports, ",", '} from "./protocol.js";'),
    `/** The version of the runtime that these types were generated from. */
export const RUNTIME_VERSION = ${JSON.stringify(version)};
`,
    block(
      "Every request from the client: its params and its result.",
      "export interface ClientRequests {",
      clientRequests.map((each) => entry(each, `{ params: ${each.params}; result: ${results.get(each.method)} }`)),
      ";",
      "}",
    ),
    block(
      "Every request from the runtime: its params and the response it expects.",
      "export interface ServerRequests {",
      serverRequests.map((each) => entry(each, `{ params: ${each.params}; response: ${results.get(each.method)} }`)),
      ";",
      "}",
    ),
    block(
      "Every notification from the runtime: its params.",
      "export interface Notifications {",
      notifications.map((each) => entry(each, each.params)),
      ";",
      "}",
    ),
    block(
      "Every notification from the client: its params.",
      "export interface ClientNotifications {",
      clientNotifications.map((each) => entry(each, each.params)),
      ";",
      "}",
    ),
    block(
      "The methods of the requests from the runtime.",
      "export const serverRequestMethods = [",
      serverRequests.map(({ method }) => JSON.stringify(method)),
      ",",
      "] as const satisfies readonly (keyof ServerRequests)[];",
    ),
    `/** What a notification is about, with the paths to the ids in its params; where an id is null, the next wider scope holds. */
export type NotificationScope =
  | { readonly scope: "turn"; readonly threadId: readonly string[]; readonly turnId: readonly string[] }
  | { readonly scope: "thread"; readonly threadId: readonly string[] }
  | { readonly scope: "global" };
`,
    block(
      "The scope of every notification from the runtime.",
      "export const notificationScopes = {",
      notifications.map((each) => entry(each, printScope(each, fieldsOf(each), problems))),
      ",",
      "} as const satisfies Record<keyof Notifications, NotificationScope>;",
    ),
    block(
      "The notifications of a turn that append `delta` to a text of an item, with the params that together say which text.",
      "export const deltaNotifications = {",
      notifications.flatMap((each) => {
        const names = textKey(each, fieldsOf(each), problems);
        return names === undefined ? [] : [entry(each, printList(names))];
      }),
      ",",
      "} as const satisfies { readonly [M in keyof Notifications]?: readonly (keyof Notifications[M] & string)[] };",
    ),
  ];
  return { text: blocks.join("\n"), problems };
}

function block(doc: string, open: string, rows: readonly string[], separator: string, close: string): string {
  const comment = doc === "" ? "" : `/** ${doc} */\n`;
  return `${comment}${open}\n${rows.map((row) => `  ${row}${separator}\n`).join("")}${close}\n`;
}

function entry({ method }: Method, value: string): string {
  return `${JSON.stringify(method)}: ${value}`;
}

type Fields = ReadonlyMap<string, Field>;

function threadIdPath(fields: Fields): string | undefined {
  return ["threadId", "thread.id"].find((path) => fields.get(path) === "string");
}

function turnIdPath(fields: Fields): string | undefined {
  return ["turnId", "turn.id"].find((path) => fields.get(path) === "string");
}

function printScope({ method }: Method, fields: Fields, problems: string[]): string {
  const threadId = threadIdPath(fields);
  const turnId = turnIdPath(fields);
  if (threadId === undefined) {
    if (turnId !== undefined) problems.push(`${method} names a turn (${turnId}) but no thread: its scope is global`);
    return '{ scope: "global" }';
  }
  const thread = `threadId: ${printList(threadId.split("."))}`;
  if (turnId === undefined) return `{ scope: "thread", ${thread} }`;
  return `{ scope: "turn", ${thread}, turnId: ${printList(turnId.split("."))} }`;
}

/** The params which say what text a delta extends; undefined for a notification that is not a delta of a turn's item. */
function textKey({ method }: Method, fields: Fields, problems: string[]): string[] | undefined {
  const isDelta = fields.get("delta") === "string" && fields.get("itemId") === "string";
  if (!isDelta || turnIdPath(fields) === undefined) return undefined;
  const names = [...fields.keys()].filter((name) => !/\.|^threadId$|^turnId$|^delta$/.test(name));
  const odd = names.find((name) => fields.get(name) === "other");
  if (odd === undefined) return names;
  problems.push(`${method}: ${odd} is neither a string nor a number, so it is no key: the notification is no delta`);
  return undefined;
}

function printList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(", ")}]`;
}
