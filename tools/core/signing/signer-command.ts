import { OtaError } from '../errors.ts';

const digestPlace = '{digest}';

/**
 * Splits `--signer` into words without a shell: white space separates, quotes of either kind keep it together, and
 * nothing else is special, so no value can ever become a command.
 *
 * @throws OtaError `usage` for an open quote, or when `{digest}` is missing
 */
export function parseSignerCommand(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (const character of text) {
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else word = `${word}${character}`;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${character}`;
  }
  if (quote !== undefined) throw signerUsage(`the ${quote} of --signer is not closed`);
  if (word !== undefined) words.push(word);
  if (!words.slice(1).some((argument) => argument.includes(digestPlace))) {
    throw signerUsage('--signer takes a command with {digest} among its arguments');
  }
  return words;
}

function signerUsage(message: string): OtaError {
  return new OtaError('usage', message, {
    hint: "For example: --signer 'kms-sign --key release {digest}'. {digest} becomes a SHA-256, 64 hexadecimal digits.",
  });
}

/** The words with the digest in place. */
export function fillDigest(words: readonly string[], digest: string): string[] {
  return words.map((word) => word.replaceAll(digestPlace, digest));
}

/**
 * What a signer's output may mean, to be tried in this order: the signature itself, or its text in base64 or
 * hexadecimal; and, for ECDSA, the bare r and s (IEEE P1363, as PKCS #11 and some services give it) as DER.
 */
export function readSignerOutput(output: Uint8Array): Uint8Array[] {
  const text = Buffer.from(output).toString('latin1').trim();
  const forms: Uint8Array[] = [output];
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) forms.push(Buffer.from(text, 'hex'));
  if (/^[A-Za-z0-9+/_\s-]+=*$/.test(text)) forms.push(Buffer.from(text, 'base64'));
  return forms.flatMap((form) => (form.length === 64 ? [form, toDer(form)] : [form]));
}

/** SEQUENCE of two INTEGERs (RFC 3279 §2.2.3) from r and s, 32 bytes each. */
function toDer(pair: Uint8Array): Uint8Array {
  const integers = [pair.subarray(0, 32), pair.subarray(32)].map((number) => {
    const first = number.findIndex((byte) => byte !== 0);
    const digits = number.subarray(first < 0 ? 31 : first);
    const padded = (digits[0] ?? 0) > 0x7f ? [0, ...digits] : [...digits];
    return [0x02, padded.length, ...padded];
  });
  const content = integers.flat();
  return Buffer.from([0x30, content.length, ...content]);
}
