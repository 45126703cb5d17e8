const keyBytes = 32;

/**
 * Reads a Noise pre-shared key: 32 bytes in base64, as ESPHome's `api: encryption: key:` has it. All zeros
 * stands for "no key yet" and is none.
 */
export function decodeEncryptionKey(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return;
  const key = Buffer.from(text, 'base64');
  if (key.length !== keyBytes || key.toString('base64') !== text) return;
  return key.every((byte) => byte === 0) ? undefined : key;
}

/** What a key must be, for messages. */
export const encryptionKeyMeaning = '32 bytes in base64 (44 characters, not all zero)';
