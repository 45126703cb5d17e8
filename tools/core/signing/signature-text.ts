/**
 * The base64 of a signature, whether its file holds the bytes (`openssl dgst -sign`, `ota sign`) or base64 already
 * (with line breaks or without).
 */
export function signatureText(content: Uint8Array): string {
  const text = Buffer.from(content).toString('latin1').replaceAll(/\s+/g, '');
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isBase64 ? text : Buffer.from(content).toString('base64');
}
