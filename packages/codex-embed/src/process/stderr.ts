import { stripVTControlCharacters } from "node:util";

const LIMIT_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Where a private key begins or ends. MARKER_BYTES covers what may precede its words when a marker is cut. */
const KEY_MARKER = /-----(BEGIN|END) [^\n-]{0,40}PRIVATE KEY/g;
const MARKER_BYTES = 64;
const KEY_END = /-----END [^\n-]{0,60}-----/;

/** Keeps the last whole lines of a byte stream: at most 16 KiB. */
export class StderrTail {
  #kept: Buffer = Buffer.alloc(0);
  #truncated = false;
  /** How many bytes ago a private key began that is still open where the tail begins. Null for none. */
  #keyBeganAgo: number | null = null;

  /** Adds bytes. The cost does not depend on how much came before. */
  push(chunk: Uint8Array): void {
    const joined = Buffer.concat([this.#kept, chunk]);
    const cut = joined.length - LIMIT_BYTES;
    if (cut > 0) this.#drop(joined, cut);
    this.#kept = cut > 0 ? Buffer.from(joined.subarray(cut)) : joined;
  }

  /** The kept lines as text: without terminal colours and control characters, with secrets replaced. */
  text(): string {
    return redactSecrets(withoutControls(this.#wholeLines().toString("utf8")));
  }

  #drop(joined: Buffer, cut: number): void {
    this.#truncated = true;
    const markers = [...joined.toString("latin1", 0, cut + MARKER_BYTES).matchAll(KEY_MARKER)];
    const last = markers.findLast(({ index }) => index < cut);
    const ago = last === undefined ? (this.#keyBeganAgo ?? Number.POSITIVE_INFINITY) + cut : cut - last.index;
    // No private key is as long as the tail, so an end that has not come by then never comes.
    this.#keyBeganAgo = ago > LIMIT_BYTES || last?.[1] === "END" ? null : ago;
  }

  #wholeLines(): Buffer {
    if (!this.#truncated) return this.#kept;
    // The rest of the first line may be the end of a secret whose name was cut off, so it is never shown.
    const end = this.#kept.indexOf(LINE_FEED);
    if (end === -1 || end === this.#kept.length - 1) {
      return Buffer.from(`[a line of more than ${LIMIT_BYTES} bytes]\n`);
    }
    return this.#keyBeganAgo === null ? this.#kept.subarray(end + 1) : this.#afterKey();
  }

  /** What follows a private key whose beginning was cut off: nothing until its end has come. */
  #afterKey(): Buffer {
    const end = KEY_END.exec(this.#kept.toString("latin1"));
    return end === null ? Buffer.from("[a private key]\n") : this.#kept.subarray(end.index + end[0].length);
  }
}

function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}

const REDACTED = "[redacted]";

/** The names of credentials, at the end of any longer name: `OPENAI_API_KEY`, `accessToken`, `client-secret`. */
const LABEL =
  "(?:token|secret|passw(?:or)?d|passphrase|passcode|pwd|(?<![a-z])pass|credentials?|_auth|" +
  "(?:api|access|secret|private|signing|encryption|account|shared|master|session|auth|client|service|storage|subscription)[ _-]?key(?:[_-]?id)?)";

/** What separates a name from its value in configuration, JSON, headers, queries, and printed structures. */
const SEPARATOR = String.raw`(?:\\?["'${"`"}]|\[\w{0,20})?\]?[ \t]*(?:=>|:=|[:=])[ \t]*(?:[A-Za-z_][\w:]{0,40}\()*`;

/** A value, with its opening quote in one of four groups. An unclosed quote extends to the end of the line. */
const QUOTED = String.raw`(\\")[^"\\\n]+|(")(?:[^"\\\n]|\\.)+|(')(?:[^'\\\n]|\\.)+|(${"`"})[^${"`"}\n]+`;
const VALUE = `(?:${QUOTED}|${String.raw`(?![\s"'${"`"},;&(){}[\]<>|\\])(?:[^\s"'${"`"},;&]|[,;](?=[^\s"'])|&(?![\w.-]{1,60}=))+`})`;
const TO_END_OF_LINE = `(?:${QUOTED}|${String.raw`(?![\s"'${"`"}[])[^\n]+`})`;

const KEPT = `$1$2$3$4$5${REDACTED}`;

type Rule = readonly [pattern: RegExp, replacement: string | ((match: string, first: string) => string)];

const rule = (prefix: string, value: string): Rule => [new RegExp(`(${prefix})${value}`, "gi"), KEPT];

/** Keys that are recognised by their prefix alone. */
const KEYS = [
  "(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}", // AWS key ids
  "AIza[\\w-]{30,}|ya29\\.[\\w-]{20,}|GOCSPX-[\\w-]{16,}", // Google
  "gh[pousr]_\\w{16,}|github_pat_\\w{16,}", // GitHub
  "gl[a-z]{2,12}-[\\w.-]{16,}", // GitLab
  "npm_[A-Za-z0-9]{16,}|pypi-[\\w-]{16,}|dckr_pat_[\\w-]{16,}|rubygems_[0-9a-f]{16,}", // registries
  "xox[a-z]-[\\w-]{8,}|xapp-[\\w-]{8,}", // Slack
  "[rsp]k_(?:live|test)_\\w{8,}|whsec_[\\w+/=]{16,}", // Stripe
  "(?:hf|gsk|r8|sbp|ntn|fw|tvly|figd|nvapi|xai|pplx|csk|jina|lin_api|lin_oauth|glsa|glc|shp[a-z]{2}|do[por]_v1)[_-][\\w-]{16,}",
  "pscale_(?:tkn|pw|oauth)_[\\w-]{16,}|sntry[su]_[\\w+/=-]{16,}|dop_v1_\\w{16,}|PMAK-[\\w-]{16,}|dapi[0-9a-f]{32}",
  "SG\\.[\\w-]{16,}(?:\\.[\\w-]+)?|key-[0-9a-f]{32}|AC[0-9a-f]{32}|SK[0-9a-f]{32}", // mail and telephony
  "hv[sbr]\\.[\\w-]{16,}|ATATT3[\\w=-]{16,}|AGE-SECRET-KEY-1[A-Z0-9]{16,}|\\d{8,10}:AA[\\w-]{30,}",
  "eyJ[\\w-]{8,}(?:\\.[\\w-]+)*", // JSON web tokens
].join("|");

/** A key in the form of its issuer, or a private key. Words that only name a secret are none. */
const KEY = new RegExp(
  `-----BEGIN [^\\n-]{0,40}PRIVATE KEY|(?<![A-Za-z0-9])(?:sk-[\\w-]{16,}|${KEYS})|\\bBearer[ \\t]+[\\w.~+/-]{16,}`,
);

/** Whether a text holds what has the form of a key or an access token. Linear in the length of the text. */
export function holdsKey(text: string): boolean {
  return KEY.test(text);
}

const RULES: readonly Rule[] = [
  // An unclosed block extends to the end of the text.
  [/-----BEGIN [^\n-]{0,40}PRIVATE KEY[^\n-]{0,20}-----[^]*?(?:-----END [^\n-]{0,60}-----|$)/g, REDACTED],
  [/:\/\/([^\s/?#@"']*)@/g, withoutUserInfo],
  rule(
    String.raw`(?:\bcookie|authorization)${SEPARATOR}(?:(?:Bearer|Basic|Digest|Token|Negotiate)[ \t]+)?`,
    TO_END_OF_LINE,
  ),
  rule(LABEL + SEPARATOR, VALUE),
  rule(String.raw`(?<![\w-])--?[\w-]{0,40}?${LABEL}(?:["'],[ \t]*|[ \t]+)`, VALUE),
  rule(String.raw`[?&](?:key|sig|signature|code|x-amz-signature)=`, VALUE),
  rule(String.raw`\b(?:Bearer|Basic):?[ \t]+(?!(?:tokens?|auth\w{0,12}|access|scheme|format|header|usage)\b)`, VALUE),
  [/(hooks\.slack\.com\/services\/|discord(?:app)?\.com\/api\/webhooks\/)[\w/-]+/g, `$1${REDACTED}`],
  [/(?<![A-Za-z0-9])sk-[\w-]{6,}/g, `sk-${REDACTED}`],
  [new RegExp(`(?<![A-Za-z0-9])(?:${KEYS})`, "g"), REDACTED],
  // Secrets without a prefix, such as the secret half of an AWS key: long, and with all kinds of characters.
  [/(?<![\w+/=-])(?:[A-Za-z0-9+/]{40}(?![\w+/=-])|[\w+=-]{40,})/g, withoutRandom],
];

/** Keeps the user name beside a password, unless it may be the secret itself: it is long, or the password is a placeholder. */
function withoutUserInfo(_: string, userInfo: string): string {
  const [user = "", ...password] = userInfo.split(":");
  const isName = user.length < 16 && !["", "x-oauth-basic"].includes(password.join(":"));
  return isName ? `://${user}:${REDACTED}@` : `://${REDACTED}@`;
}

function withoutRandom(run: string): string {
  const isMixed = /[a-z]/.test(run) && /[A-Z]/.test(run) && /\d/.test(run);
  return isMixed && !run.startsWith("/") ? REDACTED : run;
}

/** Replaces what looks like a credential, and keeps the rest as it is. Linear in the length of the text. */
export function redactSecrets(text: string): string {
  let result = text;
  for (const [pattern, replacement] of RULES) {
    result =
      typeof replacement === "string" ? result.replace(pattern, replacement) : result.replace(pattern, replacement);
  }
  return result;
}
