/** Tests the byte framer: whole lines, whatever the chunks. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineFramer } from "../../../src/transport/stdio.js";
import { verifies } from "../../support/verifies.js";

function frame(chunks: readonly Buffer[], maxLineBytes = 1024 * 1024) {
  const lines: string[] = [];
  const oversize: { head: string; bytes: number }[] = [];
  const framer = new LineFramer(
    {
      line: (text, bytes) => {
        expect(bytes).toBe(Buffer.byteLength(text));
        lines.push(text);
      },
      oversize: (head, bytes) => oversize.push({ head, bytes }),
    },
    maxLineBytes,
  );
  for (const chunk of chunks) framer.push(chunk);
  framer.end();
  return { lines, oversize };
}

/** Cuts bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((start, index) => bytes.subarray(start, sorted[index] ?? bytes.length));
}

describe("LineFramer", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "é", "€", "😀", "\u2028", "\u2029", "\r", "\0", '"'),
    minLength: 1,
  });

  test("gives back the lines for every way of cutting the bytes", () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.nat()), fc.boolean(), (lines, places, terminated) => {
        const bytes = Buffer.from(lines.join("\n") + (terminated ? "\n" : ""));
        expect(frame(cut(bytes, places)).lines).toEqual(lines);
      }),
    );
  });

  test("finds the same as a split at LF, in order, for any bytes, cuts and limit", () => {
    const byte = fc.constantFrom(0x0a, 0x0a, 0x0d, 0x61, 0x22, 0x00, 0xff, 0xe2, 0x80, 0xa8, 0xf0, 0x9f, 0x98, 0x80);
    const bytes = fc.array(byte, { maxLength: 300 });
    fc.assert(
      fc.property(
        bytes,
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (all, places, limit) => {
          const stream = Buffer.from(all);
          const found: string[] = [];
          const framer = new LineFramer(
            {
              line: (text, size) => found.push(`line of ${size}: ${text}`),
              oversize: (head, size) => {
                // How much of it was there when it grew too large depends on the chunks.
                expect(head.length).toBeGreaterThan(0);
                found.push(`oversize of ${size}`);
              },
            },
            limit,
          );
          for (const chunk of cut(stream, places)) framer.push(chunk);
          framer.end();
          const lines: Buffer[] = [];
          for (let start = 0; start <= stream.length; ) {
            const end = stream.indexOf(0x0a, start);
            lines.push(stream.subarray(start, end === -1 ? stream.length : end));
            start = end === -1 ? stream.length + 1 : end + 1;
          }
          const expected = lines
            .filter((line) => line.length > 0)
            .map((line) =>
              line.length > limit ? `oversize of ${line.length}` : `line of ${line.length}: ${line.toString()}`,
            );
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("gives the head of an oversize line as far as it was there", () => {
    const whole = fc
      .array(fc.constantFrom("a", "é", "😀"), { minLength: 10, maxLength: 800 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(whole, fc.array(fc.nat()), (line, places) => {
        const { oversize } = frame(cut(Buffer.from(`${line}\nx\n`), places), 5);
        const [head = ""] = oversize.map((each) => each.head.replace(/\ufffd+$/, ""));
        expect(oversize).toHaveLength(1);
        expect(line.startsWith(head)).toBe(true);
        expect(Buffer.byteLength(head)).toBeGreaterThan(1);
      }),
    );
  });

  test("splits at LF alone: U+2028, U+2029 and CR are part of a line", () => {
    verifies("line-splitting");
    expect(frame([Buffer.from('{"a":"x\u2028y\u2029z\r"}\n')]).lines).toEqual(['{"a":"x\u2028y\u2029z\r"}']);
  });

  test("puts a character together that a chunk boundary cut", () => {
    verifies("line-splitting");
    const bytes = Buffer.from("😀\n");
    expect(frame([...bytes].map((byte) => Buffer.from([byte]))).lines).toEqual(["😀"]);
  });

  test("skips empty lines and reports an unterminated last line", () => {
    expect(frame([Buffer.from("\n\na\n\nb")]).lines).toEqual(["a", "b"]);
  });

  test.each([1, 3, 7, 1000])("reports a line over the limit with its head and goes on (chunks of %i bytes)", (size) => {
    const bytes = Buffer.from(`ok\n{"id":7,"result":"${"x".repeat(100)}"}\nafter\n`);
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const { lines, oversize } = frame(chunks, 40);
    expect(lines).toEqual(["ok", "after"]);
    expect(oversize).toEqual([{ head: expect.stringMatching(/^\{"id":7,"result"/), bytes: 120 }]);
  });

  test("takes a line of exactly the limit", () => {
    expect(frame([Buffer.from("12345\n123456\n")], 5)).toMatchObject({ lines: ["12345"], oversize: [{ bytes: 6 }] });
  });

  test("takes one line of 64 MB in chunks in linear time", () => {
    const chunk = Buffer.alloc(65_536, 0x61);
    const chunks = Array.from({ length: 1024 }, () => chunk);
    const { lines } = frame([...chunks, Buffer.from("\n")], 128 * 1024 * 1024);
    expect(lines[0]?.length).toBe(64 * 1024 * 1024);
  });
});
