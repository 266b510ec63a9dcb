/** Tests what is taken for a credential, what is left readable, and that the time is linear in the length. */

import { describe, expect, it } from "vitest";
import { redactSecrets } from "../../../src/process/stderr.js";
import { quadraticShare } from "../../support/cost.js";

const SECRET = "hunter2zzz";

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
    ["https://hunter2@host/path", "https://[redacted]@host/path"],
    ["got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln.", "got [redacted]."],
    ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[redacted]"],
    ["https://x/?api_key=hunter2&b=1", "https://x/?api_key=[redacted]&b=1"],
    ["password=hunter2;", "password=[redacted];"],
    ["-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQ==\n-----END EC PRIVATE KEY-----\nnext", "[redacted]\nnext"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nbnNz", "[redacted]"],
    ['"key": "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n"', '"key": "[redacted]\\n"'],
  ])("replaces the secret in %s", (text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
  });

  it.each([
    "token: X",
    "password: X",
    "Password:X",
    "token:\tX",
    "--token X",
    "--token=X",
    "-password 'X'",
    '["--api-key","X"]',
    'Bearer "X"',
    "Basic X",
    "https://X:@host",
    "https://X:x-oauth-basic@github.com".replace("X", "X".repeat(2)),
    'token: Some("X")',
    'api_key: Some(Secret("X"))',
    '{\\"token\\":\\"X\\",\\"b\\":1}',
    '{"token":"a\\"X"}',
    "https://host/?access_token=X&b=2",
    "https://host/?key=X",
    "Cookie: a=b; c=X",
    'set-cookie: sid="X"; Path=/',
    "x-api-key: X",
    'headers: {"authorization": "Bearer X"}',
    "curl -H 'Authorization: token X'",
    "client_secret => 'X'",
    "//registry.npmjs.org/:_authToken=X",
    'env["TOKEN"] = X',
    "auth_token[]=X",
    "password=a,X",
    "password: p&X",
    'export TOKEN="X',
  ])("leaves nothing of X in %s", (text) => {
    expect(redactSecrets(text.replaceAll("X", SECRET))).not.toContain(SECRET);
  });

  it.each([
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AIzaSyA-1234567890abcdefghijklmnopqrstuv",
    "ya29.a0AfH6SMBx-1234567890abcdef",
    "github_pat_11ABCDEFG0abcdefghijkl",
    "glpat-abcdefghij1234567890",
    "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-123456789012-abcdef",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "SG.abcdefghijklmnopqrst.uvwxyz",
    "rk_live_abcdefgh12345678",
    "dop_v1_0123456789abcdef0123456789abcdef",
    "https://hooks.slack.com/services/T000/B000/abcdefgh",
    "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A5",
  ])("knows %s by its shape", (key) => {
    expect(redactSecrets(`failed with ${key}: 401`)).toMatch(
      /^failed with (?:https:\/\/hooks\.slack\.com\/services\/)?\[redacted\]: 401$/,
    );
  });

  it.each([
    "unexpected token: }",
    "tokens used: 55",
    "max_output_tokens: 1000",
    "the api key is missing",
    "missing websocket bearer token",
    "Basic authentication failed",
    "task-force skip risk-sk-",
    "http://127.0.0.1:8080/v1 refused",
    "model_providers.mock.env_key is not set",
    "error: a value is required for '--token <TOKEN>' but none was supplied",
    "thread 019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b not found",
    "at /usr/lib/node_modules/@openai/codex/Foo1/barBazQux/index.js:10:5",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "-----BEGIN CERTIFICATE-----",
  ])("leaves %s alone", (text) => {
    expect(redactSecrets(text)).toBe(text);
  });
});

/** What the patterns begin with, and what they are made of. */
const PIECES = [
  "-----BEGIN ",
  "-----BEGIN PRIVATE KEY",
  "://",
  "://a:",
  "token",
  "token=",
  'token:"',
  "key ",
  "--a",
  "-token ",
  "?key=",
  "Bearer ",
  "eyJaaaaaaaa.",
  "-sk-",
  "glaa",
  "A1a",
  "\\",
  " ",
  ",",
  "Some(",
  "authorization: ",
  "_auth_auth",
  "secret[]",
  "SG.aaaaaaaaaaaaaaaa.",
  "a_a(",
];

describe("the time of a redaction is linear in", () => {
  it.each(PIECES)("%o, alone and after what begins a pattern", async (piece) => {
    for (const head of ["", "://", "token=", "--", ...PIECES]) {
      const redact = (chars: number) => redactSecrets(head + piece.repeat(Math.ceil(chars / piece.length)));
      expect(await quadraticShare(redact, { size: 6_000, times: 8 })).toBeLessThan(0.5);
    }
  });
});
