/** The tests of what is kept of stderr. */

import { describe, expect, it } from "vitest";
import { StderrTail } from "../../../src/process/stderr.js";

const LIMIT_BYTES = 16 * 1024;

function tailOf(...chunks: (string | Uint8Array)[]): string {
  const tail = new StderrTail();
  for (const chunk of chunks) tail.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return tail.text();
}

describe("the tail", () => {
  it("is all of a short text, also without an end of line", () => {
    expect(tailOf()).toBe("");
    expect(tailOf("one\ntwo")).toBe("one\ntwo");
  });

  it("is whole lines of a long one", () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`);
    const text = `${lines.join("\n")}\n`;
    for (const tail of [tailOf(text), tailOf(...lines.map((line) => `${line}\n`)), tailOf(...text.split(/(?<=7)/))]) {
      expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(LIMIT_BYTES);
      expect(Buffer.byteLength(tail)).toBeGreaterThan(LIMIT_BYTES - 20);
      expect(text.endsWith(`\n${tail}`)).toBe(true);
    }
  });

  it("is never part of a line, which may be the end of a secret", () => {
    const secret = "s".repeat(LIMIT_BYTES);
    expect(tailOf(`api_key=${secret}`)).toBe("[a line of more than 16384 bytes]\n");
    expect(tailOf(`api_key=${secret}\n`)).toBe("[a line of more than 16384 bytes]\n");
    expect(tailOf(`api_key=${secret}`, "ss\nshort\n")).toBe("short\n");
  });

  it("does not break characters that were split between chunks", () => {
    const bytes = Buffer.from("né😀\n".repeat(4_000));
    const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
      bytes.subarray(index * 7, index * 7 + 7),
    );
    expect(tailOf(...chunks)).toMatch(/^(né😀\n)+$/);
  });

  it("does not change with the buffer that it was given", () => {
    const tail = new StderrTail();
    const chunk = Buffer.from("before\n");
    tail.push(chunk);
    chunk.fill("x");
    expect(tail.text()).toBe("before\n");
  });

  it("never shows the rest of a private key whose beginning was cut off", () => {
    const begin = "-----BEGIN RSA PRIVATE KEY-----\n";
    const key = "MIIEvAIBADANBgkqhkiG9w0BAQEF\n".repeat(100);
    const end = "-----END RSA PRIVATE KEY-----\n";
    const after = "line after the key\n".repeat(780);
    for (let shift = 0; shift < 2 * begin.length; shift++) {
      const shown = tailOf(`${begin}${key}${end}`, after, "x".repeat(shift), "\nlast\n");
      expect(shown).not.toContain("MII");
      expect(shown).toMatch(/^\n?line after the key\n/);
      const unended = tailOf(begin, key, key, key, "MIIEvAIBADANBgkqhkiG9w0BAQEF\n".repeat(300), "x".repeat(shift));
      expect(unended).toBe("[a private key]\n");
    }
  });

  it("comes back when a private key has no end", () => {
    expect(tailOf("-----BEGIN PRIVATE KEY-----\n", "a line\n".repeat(6_000))).toMatch(/^(a line\n)+$/);
  });

  it("has no colours and no control characters", () => {
    expect(tailOf("\u001b[2m2026\u001b[0m \u001b[31mERROR\u001b[0m a\u0007\u0000b\r\n\tc\n")).toBe(
      "2026 ERROR ab\n\tc\n",
    );
  });
});
