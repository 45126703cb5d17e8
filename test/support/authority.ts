import { createCertificateAuthority } from '../../tools/simulator/certificates.ts';

const now = new Date();
const dayMs = 24 * 3600 * 1000;
const authority = await createCertificateAuthority(now);
const stranger = await createCertificateAuthority(now);

/** One authority for all TLS tests of a file, and what it has issued. */
export const tlsSamples = {
  ca: authority.ca,
  otherCa: stranger.ca,
  /** For 127.0.0.1 and localhost. */
  good: await authority.issue({ names: ['127.0.0.1', 'localhost'] }),
  expired: await authority.issue({
    names: ['127.0.0.1'],
    notBefore: new Date(now.getTime() - 2 * dayMs),
    notAfter: new Date(now.getTime() - dayMs),
  }),
  future: await authority.issue({
    names: ['127.0.0.1'],
    notBefore: new Date(now.getTime() + dayMs),
    notAfter: new Date(now.getTime() + 2 * dayMs),
  }),
  wrongHost: await authority.issue({ names: ['192.0.2.1', 'other.example'] }),
  client: await authority.issue({ names: ['publisher'] }),
  strangeClient: await stranger.issue({ names: ['stranger'] }),
};
