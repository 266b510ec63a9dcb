/** Taking the generated types apart into facts that can be compared: messages, fields and members of unions. */

import ts from "typescript";

/** The unions of messages, and what they are called in a report. */
export const MESSAGES = {
  ClientRequest: "Requests to the runtime",
  ServerRequest: "Requests of the runtime",
  ServerNotification: "Notifications of the runtime",
  ClientNotification: "Notifications to the runtime",
} as const;

type MessageUnion = keyof typeof MESSAGES;

/** One thing that a type says: its type, empty for a member of a union, and its doc comment on one line. */
export interface Fact {
  readonly type: string;
  readonly doc: string;
}

/** What a type says, by its place in it: `turn.id` is a field, `status "failed"` a member of a union. */
export type Facts = ReadonlyMap<string, Fact>;

/** The facts of a protocol module. */
export interface Shapes {
  /** The methods of each union of messages, with the type of their params. */
  readonly messages: ReadonlyMap<MessageUnion, Facts>;
  /** All other types by their name. */
  readonly types: ReadonlyMap<string, { readonly doc: string; readonly facts: Facts }>;
}

/** Reads the text of a merged protocol module. Throws when it has no messages. */
export function readShapes(text: string): Shapes {
  const source = ts.createSourceFile("protocol.ts", text, ts.ScriptTarget.Latest, true);
  const aliases = source.statements.filter(ts.isTypeAliasDeclaration);
  const docs = new Map(aliases.map((alias) => [alias.name.text, docOf(alias)]));
  const messages = new Map<MessageUnion, Facts>();
  const types = new Map<string, { doc: string; facts: Facts }>();
  for (const { name, type } of aliases) {
    if (isMessageUnion(name.text)) {
      messages.set(name.text, methods(type, docs));
    } else {
      const facts = new Map<string, Fact>();
      collect(type, "", facts);
      types.set(name.text, { doc: docs.get(name.text) ?? "", facts });
    }
  }
  if (messages.size === 0) throw new Error("This is no generated protocol: it has none of the unions of messages.");
  return { messages, types };
}

function isMessageUnion(name: string): name is MessageUnion {
  return Object.hasOwn(MESSAGES, name);
}

/** A method without a doc comment of its own has that of its params. */
function methods(type: ts.TypeNode, docs: ReadonlyMap<string, string>): Facts {
  const found = new Map<string, Fact>();
  for (const arm of arms(type).filter(ts.isTypeLiteralNode)) {
    const properties = new Map(arm.members.filter(ts.isPropertySignature).map((each) => [nameOf(each), each.type]));
    const method = properties.get("method");
    const params = print(properties.get("params"));
    if (method === undefined) continue;
    found.set(literalText(method) ?? print(method), { type: params, doc: docOf(arm) || (docs.get(params) ?? "") });
  }
  return found;
}

/** Adds the facts of one type; objects and unions of them are looked into, everything else is told by its text. */
function collect(type: ts.TypeNode, path: string, facts: Map<string, Fact>): void {
  const plain: string[] = [];
  for (const arm of arms(type)) {
    const literal = literalText(arm);
    const label = ts.isTypeLiteralNode(arm) ? discriminant(arm) : literal;
    if (label !== undefined) facts.set(`${path} ${JSON.stringify(label)}`.trim(), { type: "", doc: docOf(arm) });
    if (ts.isTypeLiteralNode(arm)) collectFields(arm, path, label, facts);
    else if (ts.isIntersectionTypeNode(arm)) for (const part of arm.types) collect(part, path, facts);
    else if (literal === undefined) plain.push(print(arm));
  }
  if (plain.length === 0) return;
  const { type: before, doc } = facts.get(path) ?? { type: "", doc: "" };
  facts.set(path, { type: before + plain.join(" | "), doc });
}

function collectFields(
  type: ts.TypeLiteralNode,
  path: string,
  label: string | undefined,
  facts: Map<string, Fact>,
): void {
  const prefix = label === undefined ? path : `${path}[${label}]`;
  const place = (name: string) => (prefix === "" ? name : `${prefix}.${name}`);
  for (const member of type.members) {
    if (!ts.isPropertySignature(member) || member.type === undefined) {
      facts.set(place(print(member)), { type: "", doc: "" });
    } else if (label === undefined || literalText(member.type) !== label) {
      const name = place(nameOf(member));
      facts.set(name, { type: member.questionToken === undefined ? "" : "optional ", doc: docOf(member) });
      collect(member.type, name, facts);
    }
  }
}

/** The doc comment of a node on one line. It may stand behind the comma of what comes before. */
function docOf(node: ts.Node): string {
  const text = node.getSourceFile().text;
  const at = node.getFullStart();
  const comments = [...(ts.getTrailingCommentRanges(text, at) ?? []), ...(ts.getLeadingCommentRanges(text, at) ?? [])];
  const doc = comments.map(({ pos, end }) => text.slice(pos, end)).findLast((comment) => comment.startsWith("/**"));
  return (doc ?? "")
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/^\s*\*/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** The string that tells one object of a union from the others. */
function discriminant(type: ts.TypeLiteralNode): string | undefined {
  for (const member of type.members) {
    const text = ts.isPropertySignature(member) ? literalText(member.type) : undefined;
    if (text !== undefined) return text;
  }
  return undefined;
}

function arms(type: ts.TypeNode): readonly ts.TypeNode[] {
  if (ts.isParenthesizedTypeNode(type)) return arms(type.type);
  return ts.isUnionTypeNode(type) ? type.types.flatMap(arms) : [type];
}

function literalText(type: ts.TypeNode | undefined): string | undefined {
  const isString = type !== undefined && ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal);
  return isString && ts.isStringLiteral(type.literal) ? type.literal.text : undefined;
}

function nameOf(member: ts.PropertySignature): string {
  return ts.isIdentifier(member.name) || ts.isStringLiteral(member.name) ? member.name.text : print(member.name);
}

const printer = ts.createPrinter({ removeComments: true });

/** The text of a node on one line and without its comments. */
function print(node: ts.Node | undefined): string {
  if (node === undefined) return "none";
  return printer.printNode(ts.EmitHint.Unspecified, node, node.getSourceFile()).replace(/\s+/g, " ").trim();
}
