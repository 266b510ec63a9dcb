/** Owns the tests of what is kept of stderr. */

import { describe, expect, it } from "vitest";
import { redactSecrets, StderrTail } from "../../../src/process/stderrTail.js";

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

  it("has no colours and no control characters", () => {
    expect(tailOf("\u001b[2m2026\u001b[0m \u001b[31mERROR\u001b[0m a\u0007\u0000b\r\n\tc\n")).toBe(
      "2026 ERROR ab\n\tc\n",
    );
  });
});

describe("redaction", () => {
  it.each([
    ["Authorization: Bearer abc.DEF-123_~+/=", "Authorization: Bearer [redacted]"],
    ["authorization: bearer abc", "authorization: bearer [redacted]"],
    ["key sk-proj-Abc_123-xyz!", "key sk-[redacted]!"],
    ["OPENAI_API_KEY=hunter2 next", "OPENAI_API_KEY=[redacted] next"],
    ["api_key=hunter2", "api_key=[redacted]"],
    ["api-key: 'hunter2', x", "api-key: '[redacted]', x"],
    ['{"apiKey":"hunter2","b":1}', '{"apiKey":"[redacted]","b":1}'],
    ['{"access_token": "hunter2 x"}', '{"access_token": "[redacted]"}'],
    ["GITHUB_TOKEN=hunter2", "GITHUB_TOKEN=[redacted]"],
    ["https://user:hunter2@host/path", "https://user:[redacted]@host/path"],
    ["got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln.", "got [redacted]."],
    ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"],
    ["https://x/?api_key=hunter2&b=1", "https://x/?api_key=[redacted]&b=1"],
    ["password=hunter2;", "password=[redacted];"],
  ])("replaces the secret in %s", (text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
  });

  it.each([
    "unexpected token: }",
    "tokens used: 55",
    "the api key is missing",
    "task-force skip risk-sk-",
    "http://127.0.0.1:8080/v1 refused",
    "model_providers.mock.env_key is not set",
  ])("leaves %s alone", (text) => {
    expect(redactSecrets(text)).toBe(text);
  });
});
