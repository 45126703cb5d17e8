import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { cancelledError } from '../../core/errors.ts';
import { type ChainCertificate, checkChain } from '../../core/health/certificate-check.ts';
import { failed, type HealthCheck } from '../../core/health/check.ts';
import type { TlsFiles } from '../../transports/tls-files.ts';

export interface CertificateQuestion {
  readonly host: string;
  readonly port: number;
  /** What we show, and whom we trust: with `ca`, the chain is followed to its root. */
  readonly tls: TlsFiles;
  readonly now: Date;
  readonly signal: AbortSignal;
}

const silenceMs = 10_000;

/** Looks at every certificate that a server shows, trusted or not: trust is the connection's business. */
export async function checkCertificates(
  name: string,
  question: CertificateQuestion,
): Promise<HealthCheck> {
  try {
    return checkChain(name, await readChain(question), question.now);
  } catch (error) {
    if (question.signal.aborted) throw cancelledError();
    const remedy = 'Check host, port, and that TLS is spoken there.';
    return failed(name, (error as Error).message, remedy);
  }
}

function readChain({ host, port, tls, signal }: CertificateQuestion): Promise<ChainCertificate[]> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port,
      // RFC 6066 §3: an address is not a server name.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...tls,
      rejectUnauthorized: false,
    });
    const cancel = () => socket.destroy(new Error('stopped'));
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    socket.setTimeout(silenceMs, () => socket.destroy(new Error('no answer in 10 s')));
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.on('error', reject);
    socket.once('close', () => {
      signal.removeEventListener('abort', cancel);
      reject(new Error('the server hung up'));
    });
  });
}

/** From the server's own certificate to the last that is known. A root stands for itself. */
function chainOf(first: DetailedPeerCertificate): ChainCertificate[] {
  const chain = new Map<string, ChainCertificate>();
  let next: DetailedPeerCertificate | undefined = first;
  while (next?.fingerprint256 !== undefined && !chain.has(next.fingerprint256)) {
    const { subject, serialNumber, valid_from, valid_to } = next;
    chain.set(next.fingerprint256, {
      subject: [subject?.CN, subject?.O].flat().find(Boolean) ?? `serial ${serialNumber}`,
      validFrom: new Date(valid_from),
      validTo: new Date(valid_to),
    });
    next = next.issuerCertificate;
  }
  return [...chain.values()];
}
