import { createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';

/**
 * ArduinoOTA as its own uploader speaks it: an invitation by UDP, then the device connects back by TCP and
 * is sent the image. Source: `espota.py` and `ArduinoOTA.cpp` of arduino-esp32 and of the ESP8266 core.
 */
export const command = { FLASH: 0, SPIFFS: 100, AUTH: 200 } as const;

/** A device reads and flashes at most so many bytes at a time, and answers with their number. */
export const chunkBytes = 1460;

/** Characters of a challenge: MD5 up to core 3.3.0 and on ESP8266, SHA-256 since 3.3.1. */
const nonceLength = { md5: 32, sha256: 64 } as const;
const pbkdf2Rounds = 10_000;

export type ChallengeHash = keyof typeof nonceLength;

/** What a device answers to an invitation. */
export type InvitationReply =
  | { readonly kind: 'ok' }
  | { readonly kind: 'challenge'; readonly hash: ChallengeHash; readonly nonce: string }
  | { readonly kind: 'refused'; readonly text: string };

/** The invitation: what is coming, how much of it, and on which TCP port of ours it can be had. */
export function invitationText(port: number, sizeBytes: number, md5: string): string {
  return `${command.FLASH} ${port} ${sizeBytes} ${md5}\n`;
}

export function parseInvitationReply(datagram: Uint8Array): InvitationReply {
  const text = Buffer.from(datagram.subarray(0, 200)).toString('latin1').trim();
  if (text === 'OK') return { kind: 'ok' };
  const nonce = /^AUTH ([0-9a-f]+)$/i.exec(text)?.[1] ?? '';
  for (const hash of ['md5', 'sha256'] as const) {
    if (nonce.length === nonceLength[hash]) return { kind: 'challenge', hash, nonce };
  }
  return { kind: 'refused', text };
}

export interface Credentials {
  readonly password: string;
  /** As the device keeps the password; firmware that came from an older core may still keep its MD5. */
  readonly storedAs: ChallengeHash;
  readonly clientNonce: string;
}

/** A client's nonce has the length of the device's: so many random bytes in hex. */
export function clientNonceBytes(hash: ChallengeHash): number {
  return nonceLength[hash] / 2;
}

/**
 * The answer to a challenge. MD5: hash of password hash, nonce and client nonce, with colons. SHA-256: the
 * password hash goes through PBKDF2-HMAC-SHA256 first, salted with both nonces. All as lowercase hex text.
 */
export async function challengeAnswer(
  hash: ChallengeHash,
  nonce: string,
  { password, storedAs, clientNonce }: Credentials,
): Promise<string> {
  const stored = hexDigest(storedAs, password);
  const key =
    hash === 'md5'
      ? stored
      : (
          await promisify(pbkdf2)(stored, `${nonce}:${clientNonce}`, pbkdf2Rounds, 32, 'sha256')
        ).toString('hex');
  const response = hexDigest(hash, `${key}:${nonce}:${clientNonce}`);
  return `${command.AUTH} ${clientNonce} ${response}\n`;
}

function hexDigest(hash: ChallengeHash, text: string): string {
  return createHash(hash).update(text, 'utf8').digest('hex');
}

/** How an upload stands, by what the device has said so far. */
export type UploadWord =
  | { readonly kind: 'counting' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly text: string };

/**
 * Reads what a device says during an upload: numbers of bytes written, without anything between them, and
 * at the end `OK`, possibly right behind a number, or an error in words.
 */
export function parseUploadWords(said: string, ended: boolean): UploadWord {
  const words = said.replace(/^[\d\s]+/, '');
  if (/^OK/.test(words)) return { kind: 'done' };
  // `O` may be the first half of `OK`; other words are read up to their end.
  if (words === '' || words === 'O' || (!ended && !words.includes('\n'))) {
    return ended && words !== '' ? { kind: 'failed', text: words.trim() } : { kind: 'counting' };
  }
  return { kind: 'failed', text: words.trim() };
}
