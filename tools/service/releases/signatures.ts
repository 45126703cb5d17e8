import { OtaError } from '../../core/errors.ts';
import { type PublicKey, parsePublicKey, publicPem, shortKeyId } from '../../core/signing/key.ts';
import { verifyBytes } from '../../core/signing/sign-bytes.ts';
import type { ReceivedArtifact } from '../artifacts/artifact-store.ts';
import { parseList } from '../store/rows.ts';
import type { ModelRow } from '../store/tables.ts';

/** The keys of which one must have signed every image of a model; none when the list is empty. */
export function keysOf({
  model,
  public_keys,
}: Pick<ModelRow, 'model' | 'public_keys'>): PublicKey[] {
  return parseList(public_keys).map((pem) => parsePublicKey(pem, `a key of model ${model}`));
}

/**
 * Public keys as they come from outside, each once and in one form.
 *
 * @throws OtaError `key-invalid` (a private key included), `key-unsupported`
 */
export function parseModelKeys(pems: readonly string[]): string[] {
  const keys = pems.map((pem, index) => parsePublicKey(pem, `public_keys[${index}]`));
  return [...new Map(keys.map((key) => [key.id, publicPem(key)])).values()];
}

/**
 * Whether one of the model's keys made the signature: RSA PKCS#1 v1.5 or ECDSA over SHA-256, as
 * `openssl dgst -sha256 -sign` makes them (seed 003), or Ed25519.
 *
 * @param signature base64
 * @returns false when the model demands none
 * @throws OtaError `signature-missing`, `signature-invalid`
 */
export async function requireSigned(
  row: ModelRow,
  signature: string | undefined,
  file: Pick<ReceivedArtifact, 'bytes'>,
): Promise<boolean> {
  const keys = keysOf(row);
  if (keys.length === 0) return false;
  if (signature === undefined || signature === '')
    throw new OtaError('signature-missing', `model ${row.model} takes signed images only`, {
      hint: 'Send the detached signature (base64) as X-Firmware-Signature, or as the field "signature".',
    });
  const bytes = await file.bytes();
  const raw = Buffer.from(signature, 'base64');
  if (keys.some((key) => verifyBytes(key, bytes, raw))) return true;
  const names = keys.map(({ id }) => shortKeyId(id)).join(', ');
  throw new OtaError(
    'signature-invalid',
    `the signature is not one of this file by a key of model ${row.model} (${names})`,
    { hint: 'Sign the very file that is sent: ota sign, or openssl dgst -sha256 -sign KEY FILE.' },
  );
}
