import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM texts, ready for `tls.createServer` and for a channel's `cert` and `key`. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** Host names and addresses; the first is the common name as well. */
  readonly names: readonly string[];
  /** By default valid from a day ago, for thirty days. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A throw-away certificate authority: for demonstrations and tests, never for a real server. */
export interface CertificateAuthority {
  /** Its own certificate as PEM text. */
  readonly ca: string;
  /** Issues a certificate that serves for servers and clients alike. */
  issue(request: CertificateRequest): Promise<Certificate>;
}

const dayMs = 24 * 3600 * 1000;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Makes an authority with a fresh ECDSA P-256 key, which exists nowhere but in memory. */
export async function createCertificateAuthority(now: Date): Promise<CertificateAuthority> {
  const x509 = await loadX509();
  const name = 'CN=esp-ota-toolkit throw-away authority';
  const keys = await createKeys();
  const validity = {
    notBefore: new Date(now.getTime() - dayMs),
    notAfter: new Date(now.getTime() + 30 * dayMs),
  };
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    ...validity,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    ca: own.toString('pem'),
    async issue({ names, notBefore = validity.notBefore, notAfter = validity.notAfter }) {
      const leafKeys = await createKeys();
      const alternatives = names.map((value) => ({
        type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
        value,
      }));
      const leaf = await x509.X509CertificateGenerator.create({
        subject: [{ CN: [names[0] ?? 'nobody'] }],
        issuer: name,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore,
        notAfter,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.SubjectAlternativeNameExtension(alternatives),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return { cert: leaf.toString('pem'), key: await exportKey(leafKeys.privateKey) };
    },
  };
}

/** The package needs the metadata polyfill to be there before it. */
async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return await import('@peculiar/x509');
}

function createKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}
