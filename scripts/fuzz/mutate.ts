/** The damage: how one message becomes a line that a broken or hostile runtime could write. */

import { isJson, type Json } from "./corpus.js";
import type { Random } from "./random.js";

/** Damages a message, in what it says or in how it is written. The line has no line feed at its end. */
export function damage(message: Json, random: Random): Buffer {
  const isIllWritten = random.oneIn(4);
  const changes = isIllWritten ? random.below(2) : 1 + random.below(3);
  for (let change = 0; change < changes; change++) damageValue(message, random);
  let bytes: Buffer = Buffer.from(write(message, random));
  if (isIllWritten) bytes = damageBytes(bytes, random);
  return bytes;
}

/** What stands in a value for text that no value can be written as. */
const STAND_INS: Readonly<Record<string, (random: Random) => string>> = {
  "@huge": (random) => random.pick(["1e999", "-1e999", "1e308", "123456789012345678901234567890", "-0", "1e-400"]),
  "@deep": (random) => {
    const depth = random.oneIn(6) ? 20_000 : 50 + random.below(500);
    const [open, close] = random.pick([
      ["[", "]"],
      ['{"a":', "}"],
    ]);
    return `${open?.repeat(depth)}0${close?.repeat(depth)}`;
  },
  "@twice": () => '{"id":1,"id":2,"type":"x","type":5}',
};

const STRANGE: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => 0,
  () => -1,
  () => 1.5,
  () => "",
  () => "__proto__",
  () => "\ud800",
  () => "a\u2028b\r\n\0",
  () => [],
  () => [null],
  () => ({}),
  () => ({ type: "agentMessage" }),
  () => [{}, 5, "x", null],
  (random) => "x".repeat(random.oneIn(20) ? 100_000 : 2_000),
  () => "@huge",
  () => "@huge",
  () => "@deep",
  () => "@twice",
];

/** Where a value stands: in the object or list that holds it. */
interface Place {
  readonly holder: object;
  readonly key: string;
}

function places(holder: object): Place[] {
  return Object.entries(holder).flatMap(([key, value]: [string, unknown]) => [
    { holder, key },
    ...(typeof value === "object" && value !== null ? places(value) : []),
  ]);
}

function damageValue(message: Json, random: Random): void {
  const all = places(message);
  if (all.length === 0) return;
  const { holder, key } = random.pick(all);
  const value: unknown = Reflect.get(holder, key);
  switch (random.below(6)) {
    case 0:
    case 1:
      set(holder, key, random.pick(STRANGE)(random));
      break;
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
      break;
    case 3:
      set(holder, key, otherType(value));
      break;
    case 4:
      set(holder, random.pick(["__proto__", "constructor", "toString", "then", "length", "id", "method"]), value);
      break;
    default: {
      const other = random.pick(all);
      set(holder, key, structuredClone(Reflect.get(other.holder, other.key)));
    }
  }
}

/** Unlike an assignment, this makes `__proto__` a member like any other. */
function set(holder: object, key: string, value: unknown): void {
  // In a list, a name is not written.
  if (Array.isArray(holder) && !/^\d+$/.test(key)) return;
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function otherType(value: unknown): unknown {
  if (typeof value === "string") return value.length;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "true" : 0;
  if (Array.isArray(value)) return Object.fromEntries(value.entries());
  return isJson(value) ? Object.values(value) : {};
}

function write(message: Json, random: Random): string {
  let text = JSON.stringify(message);
  for (const [standIn, make] of Object.entries(STAND_INS)) text = text.replaceAll(`"${standIn}"`, () => make(random));
  return text;
}

const BAD_BYTES: readonly (readonly number[])[] = [
  [0xff],
  [0xc3],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xef, 0xbb, 0xbf],
  [0x00],
  [0x0d],
  [0x0a],
  [0x22],
  [0x5c],
  [0xe2, 0x80, 0xa8],
];

function damageBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(random.oneIn(2) ? 8 : 200));
  switch (random.below(7)) {
    case 0: {
      for (let flip = 0; flip <= random.below(4); flip++) {
        const place = random.below(bytes.length);
        bytes.writeUInt8(bytes.readUInt8(place) ^ (1 << random.below(8)), place);
      }
      return bytes;
    }
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return bytes.subarray(at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(BAD_BYTES)), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(random.pick(BAD_BYTES)), bytes.subarray(end)]);
  }
}
