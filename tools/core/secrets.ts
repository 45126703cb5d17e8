/** What is shown in place of a secret. */
export const masked = '***';

const secretKey =
  /pass(word|phrase)?$|secret|token|auth|cookie|api[-_]?key|psk|encryption_key|credential/i;

/** Whether a setting or header of this name holds a secret. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

/** Hides user, password and the values of secret query parameters in every URL inside a text. */
export function maskUrlCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#@]*@/gi, `$1${masked}@`)
    .replace(/([?&][^=&#\s]*(?:pass|secret|token|sig|key)[^=&#\s]*=)[^&#\s"]+/gi, `$1${masked}`);
}

/**
 * What was given as a URL, fit for an error message. It may be broken in a way that hides where its
 * credentials end, so everything before the last `@` goes.
 */
export function maskUrlText(text: string): string {
  return maskUrlCredentials(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${masked}@`));
}

/** Words of the other side without the secrets that it was sent. Values under four characters are no secrets. */
export function hideValues(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= 4)
    .reduce((rest, secret) => rest.replaceAll(secret, masked), text);
}

/**
 * A copy of settings that may be shown: literal secrets are replaced by `***`. A `${NAME}` placeholder is
 * not a secret and stays, so that a reader sees where the value will come from.
 */
export function maskSecrets(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (/PRIVATE KEY-----/.test(value)) return masked; // PEM text in place of a path
    return isSecretKey(key) ? maskLiteral(value) : maskUrlCredentials(value);
  }
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, key));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, maskSecrets(item, name)]),
    );
  }
  return isSecretKey(key) && value !== null ? masked : value;
}

/** `Bearer ${TOKEN}` stays; `Bearer abc`, and `abc${TOKEN}`, become `***`. */
function maskLiteral(value: string): string {
  const scheme = /^(?:Basic|Bearer|Digest|Token)\s+/i.exec(value)?.[0] ?? '';
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/.test(value.slice(scheme.length)) ? value : masked;
}
