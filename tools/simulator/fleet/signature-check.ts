import { createVerify, type KeyObject, type Verify } from 'node:crypto';
import type { PublicKey } from '../../core/signing/key.ts';
import { DeviceError } from './device-error.ts';

/** Checks a signature over bytes that come piece by piece (docs/signing.md, The signature in an offer). */
export interface SignatureCheck {
  update(bytes: Uint8Array): void;
  /** Throws when none of the keys made the signature; as often as it is asked. */
  finish(): void;
}

/**
 * @param signature base64
 * @param keys ECDSA or RSA; without any, nothing is checked
 * @throws DeviceError when there are keys but no signature
 */
export function openSignatureCheck(
  signature: string | undefined,
  keys: readonly PublicKey[],
): SignatureCheck {
  if (keys.length > 0 && signature === undefined) throw refusal('the image is not signed');
  const bytes = Buffer.from(signature ?? '', 'base64');
  const attempts = keys.map(({ key }) => ({ key, verify: createVerify('sha256') }));
  let good: boolean | undefined;
  return {
    update(part) {
      for (const { verify } of attempts) verify.update(part);
    },
    finish() {
      good ??=
        attempts.length === 0 || attempts.some(({ key, verify }) => fits(verify, key, bytes));
      if (!good) throw refusal('no trusted key made the signature');
    },
  };
}

function fits(verify: Verify, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify.verify(key, signature);
  } catch {
    return false; // OpenSSL throws for some malformed signatures, and returns false for others
  }
}

function refusal(message: string): DeviceError {
  return new DeviceError('ESP_ERR_OTA_VALIDATE_FAILED', message);
}
