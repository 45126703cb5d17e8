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
  /** Issues a certificate that serves for servers and clients alike; those of authorities below the root follow it. */
  issue(request: CertificateRequest): Promise<Certificate>;
  /** An authority below this one. */
  createBelow(request: AuthorityRequest): Promise<CertificateAuthority>;
}

/** By default valid as long as what it stands under. */
export interface AuthorityRequest {
  readonly name: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
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
    extensions: await authorityExtensions(x509, keys),
  });
  return authorityOf({ x509, name, keys, validity, ca: own.toString('pem'), above: '' });
}

type X509 = typeof import('@peculiar/x509');

interface Issuer {
  readonly x509: X509;
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  readonly ca: string;
  /** PEM texts that a server presents after its own certificate; the root's is known to clients. */
  readonly above: string;
}

function authorityOf(issuer: Issuer): CertificateAuthority {
  const { x509, name, keys, validity, ca, above } = issuer;
  const sign = async (
    subject: string,
    publicKey: webcrypto.CryptoKey,
    request: Omit<AuthorityRequest, 'name'>,
    extensions: import('@peculiar/x509').Extension[],
  ) => {
    const certificate = await x509.X509CertificateGenerator.create({
      subject: [{ CN: [subject] }],
      issuer: name,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      notBefore: request.notBefore ?? validity.notBefore,
      notAfter: request.notAfter ?? validity.notAfter,
      extensions: [
        ...extensions,
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return `${certificate.toString('pem')}\n`;
  };
  return {
    ca,
    async issue(request) {
      const leafKeys = await createKeys();
      const alternatives = request.names.map((value) => ({
        type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
        value,
      }));
      const leaf = await sign(request.names[0] ?? 'nobody', leafKeys.publicKey, request, [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.SubjectAlternativeNameExtension(alternatives),
      ]);
      return { cert: `${leaf}${above}`, key: await exportKey(leafKeys.privateKey) };
    },
    async createBelow(request) {
      const keysBelow = await createKeys();
      const extensions = await authorityExtensions(x509, keysBelow);
      const own = await sign(request.name, keysBelow.publicKey, request, extensions);
      const below = { name: `CN=${request.name}`, keys: keysBelow, ca: own };
      return authorityOf({ ...issuer, ...below, above: `${own}${above}` });
    },
  };
}

async function authorityExtensions(x509: X509, keys: webcrypto.CryptoKeyPair) {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
}

/** The package needs the metadata polyfill to be there before it. */
async function loadX509(): Promise<X509> {
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
