import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { OtaError } from '../errors.ts';
import { type AlgorithmName, algorithmOf, describeKey } from './algorithm.ts';

/** A key that checks signatures. */
export interface PublicKey {
  /** SHA-256 of the SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7), 64 lowercase hex digits. */
  readonly id: string;
  readonly algorithm: AlgorithmName;
  readonly key: KeyObject;
}

/** A key that makes signatures, with its public half. */
export interface SigningKey {
  readonly publicKey: PublicKey;
  readonly privateKey: KeyObject;
}

/** The first digits of a key id: enough for people, and for file names. */
export function shortKeyId(id: string): string {
  return id.slice(0, 16);
}

/**
 * Parses a private key: PEM in PKCS#8 (encrypted or not), SEC 1 or PKCS#1, as `openssl` writes them.
 *
 * @param where the file or variable that it comes from, for messages
 * @throws OtaError `key-invalid`, `key-unsupported`, `key-passphrase`
 */
export function parsePrivateKey(
  text: string,
  passphrase: string | undefined,
  where: string,
): SigningKey {
  const block = findBlock(text);
  if (block === undefined) throw notPem(where);
  if (!block.label.endsWith('PRIVATE KEY')) {
    throw new OtaError(
      'key-invalid',
      `${where} holds a ${block.label.toLowerCase()}, not a private key`,
      {
        hint: 'Signing needs the private half, as `ota keygen` writes it without .pub in its name.',
      },
    );
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({
      key: block.pem,
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    throw block.encrypted ? wrongPassphrase(where, passphrase) : damaged(where, cause);
  }
  return { privateKey, publicKey: toPublicKey(createPublicKey(privateKey), where) };
}

/**
 * Parses a public key: PEM as SubjectPublicKeyInfo or PKCS#1, or a certificate (whose validity is not looked at).
 *
 * @throws OtaError `key-invalid` (a private key included: it has no place where a public one stands),
 *   `key-unsupported`
 */
export function parsePublicKey(text: string, where: string): PublicKey {
  const block = findBlock(text);
  if (block === undefined) throw notPem(where);
  if (block.label.endsWith('PRIVATE KEY')) {
    throw new OtaError('key-invalid', `${where} holds a private key where a public one belongs`, {
      hint: 'If it was published or committed, consider it lost: make a new one with `ota keygen` and use its .pub.pem here.',
    });
  }
  let key: KeyObject;
  try {
    key = createPublicKey(block.pem);
  } catch (cause) {
    throw damaged(where, cause);
  }
  return toPublicKey(key, where);
}

/** The public half as PEM (SubjectPublicKeyInfo). */
export function publicPem({ key }: PublicKey): string {
  return String(key.export({ type: 'spki', format: 'pem' }));
}

function toPublicKey(key: KeyObject, where: string): PublicKey {
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) {
    throw new OtaError('key-unsupported', `${where} is a key of the kind ${describeKey(key)}`, {
      hint: 'Use Ed25519, ECDSA on P-256, or RSA with 2048 to 4096 bits: `ota keygen` makes one.',
    });
  }
  const spki = key.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(spki).digest('hex'), algorithm, key };
}

interface PemBlock {
  readonly label: string;
  readonly pem: string;
  readonly encrypted: boolean;
}

/** The first key or certificate of a PEM text (RFC 7468); `openssl ecparam -genkey` puts parameters before it. */
function findBlock(text: string): PemBlock | undefined {
  // A variable of a CI system often holds the line breaks as \n.
  const lines = text.includes('\n') ? text : text.replaceAll('\\n', '\n');
  const begin = /-----BEGIN ([A-Z0-9 ]*(?:PRIVATE KEY|PUBLIC KEY|CERTIFICATE))-----/.exec(lines);
  const label = begin?.[1];
  if (begin === null || label === undefined) return;
  const endLine = `-----END ${label}-----`;
  const end = lines.indexOf(endLine, begin.index);
  if (end < 0) return;
  const pem = `${lines.slice(begin.index, end)}${endLine}\n`;
  return {
    label,
    pem,
    encrypted: label.startsWith('ENCRYPTED') || pem.includes('Proc-Type: 4,ENCRYPTED'), // RFC 1421 §4.6.1.1
  };
}

function notPem(where: string): OtaError {
  return new OtaError('key-invalid', `${where} holds no key in PEM form`, {
    hint: 'A PEM key starts with a line such as -----BEGIN PRIVATE KEY-----; `ota keygen` makes one.',
  });
}

function damaged(where: string, cause: unknown): OtaError {
  return new OtaError(
    'key-invalid',
    `the key in ${where} cannot be read: it is damaged, or of an unknown form`,
    {
      cause,
      hint: 'Look at it with `openssl pkey -in FILE -noout -text`.',
    },
  );
}

/** Without the cause: it says nothing more, and what a wrong passphrase decrypts to is nobody's business. */
function wrongPassphrase(where: string, passphrase: string | undefined): OtaError {
  const hint =
    'Set it in a variable and give its name with --passphrase-env, or pipe it in with --passphrase-stdin.';
  return passphrase === undefined
    ? new OtaError(
        'key-passphrase',
        `the key in ${where} is encrypted, and no passphrase was given`,
        { hint },
      )
    : new OtaError('key-passphrase', `the passphrase does not open the key in ${where}`, { hint });
}
