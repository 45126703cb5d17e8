import type { ErrorCode } from '../core/error-codes.ts';
import { OtaError } from '../core/errors.ts';
import { DeliveryFailure } from '../core/release/delivery.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  says(peer: string): string;
  readonly hint: string;
}

const refused: Meaning = {
  code: 'connection-refused',
  retryable: true,
  says: (peer) => `nothing listens at ${peer}`,
  hint: 'Check host and port, that the server runs, and that no firewall stands between.',
};
const unknownHost: Meaning = {
  code: 'host-unknown',
  retryable: false,
  says: (peer) => `the host of ${peer} has no address`,
  hint: 'Check the spelling of the host name, and the name server of this machine.',
};
const lookupFailed: Meaning = {
  ...unknownHost,
  retryable: true,
  says: (peer) => `the name server does not answer for ${peer}`,
};
const timedOut: Meaning = {
  code: 'timeout',
  retryable: true,
  says: (peer) => `${peer} did not answer in time`,
  hint: 'Check that the host is reachable from here, or raise `timeout`.',
};
const unreachable: Meaning = {
  code: 'connection-failed',
  retryable: true,
  says: (peer) => `${peer} cannot be reached from here`,
  hint: 'Check the network, the route and the VPN of this machine.',
};
const broken: Meaning = {
  code: 'connection-failed',
  retryable: true,
  says: (peer) => `the connection to ${peer} broke`,
  hint: 'Try again. When it always breaks, look into the log of the other side: servers hang up like this also when they want another client certificate (`cert`, `key`).',
};
const notHttp: Meaning = {
  code: 'connection-failed',
  retryable: false,
  says: (peer) => `${peer} does not answer in HTTP`,
  hint: 'Check scheme and port of the URL.',
};
const expired: Meaning = {
  code: 'tls-expired',
  retryable: false,
  says: (peer) => `the certificate of ${peer} has expired`,
  hint: 'Renew the certificate of the server, and check the clock of this machine.',
};
const notYetValid: Meaning = {
  ...expired,
  says: (peer) => `the certificate of ${peer} is not valid yet`,
};
const wrongHost: Meaning = {
  code: 'tls-wrong-host',
  retryable: false,
  says: (peer) => `the certificate of ${peer} is for another host`,
  hint: 'Use a host name that the certificate lists, or have it issued for this one.',
};
const unknownCa: Meaning = {
  code: 'tls-unknown-ca',
  retryable: false,
  says: (peer) => `the certificate of ${peer} is signed by an authority that is not known here`,
  hint: 'Set `ca` to the PEM file of the authority that signed it (with all intermediates).',
};
const certificateRefused: Meaning = {
  code: 'unauthorized',
  retryable: false,
  says: (peer) => `${peer} does not accept this client certificate`,
  hint: 'Set `cert` and `key` to a certificate that the server trusts and that has not expired.',
};
const noTls: Meaning = {
  code: 'tls-failed',
  retryable: false,
  says: (peer) => `${peer} does not speak TLS`,
  hint: 'Use the port that speaks TLS.',
};
const tlsFailed: Meaning = {
  code: 'tls-failed',
  retryable: false,
  says: (peer) => `the TLS handshake with ${peer} failed`,
  hint: 'Check which TLS versions, ciphers and certificates the server accepts.',
};

/** Codes of Node (libuv, OpenSSL) and of undici. */
const meanings: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: unknownHost,
  EAI_AGAIN: lookupFailed,
  ETIMEDOUT: timedOut,
  UND_ERR_CONNECT_TIMEOUT: timedOut,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: unreachable,
  ECONNRESET: broken,
  ECONNABORTED: broken,
  EPIPE: broken,
  UND_ERR_SOCKET: broken,
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: notYetValid,
  ERR_TLS_CERT_ALTNAME_INVALID: wrongHost,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownCa,
  SELF_SIGNED_CERT_IN_CHAIN: unknownCa,
  UNABLE_TO_GET_ISSUER_CERT: unknownCa,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownCa,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownCa,
  CERT_UNTRUSTED: unknownCa,
  INVALID_CA: unknownCa,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
};

/** Families of codes; the first that matches counts. */
const families: readonly (readonly [RegExp, Meaning])[] = [
  // RFC 8446 §6.2: the alerts that answer a client's certificate.
  [
    /^ERR_SSL_.*_ALERT_(CERTIFICATE_\w+|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/,
    certificateRefused,
  ],
  [/^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|EPROTO$)/, tlsFailed],
  [/^(HPE_|UND_ERR_RES|UND_ERR_HEADERS_OVERFLOW$)/, notHttp],
];

/**
 * Says what a failed connection means. Anything that is no network error (no known code) is thrown
 * again as it is: it would be a bug.
 *
 * @param peer `host:port` of the other side, for people to read
 */
export function toNetworkFailure(error: unknown, peer: string): OtaError {
  if (error instanceof OtaError) return error;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const meaning = meaningOf(cause);
    if (meaning === undefined) continue;
    return new DeliveryFailure(meaning.code, `${meaning.says(peer)} (${reasonOf(cause)})`, {
      hint: meaning.hint,
      retryable: meaning.retryable,
      cause: error,
    });
  }
  throw error;
}

/**
 * The failure of a peer that fell silent.
 *
 * @param doing what was going on: `connecting`, `waiting for the answer`
 */
export function timeoutFailure(
  peer: string,
  doing: string,
  timeoutMs: number,
  sentBytes: number,
): DeliveryFailure {
  const after = sentBytes === 0 ? '' : `, after ${sentBytes} bytes`;
  return new DeliveryFailure(
    'timeout',
    `nothing moved between here and ${peer} for ${timeoutMs / 1000} s while ${doing}${after}`,
    { hint: timedOut.hint, retryable: true, sentBytes },
  );
}

/** What Node's and undici's errors carry, as far as it is known. */
interface NetworkError extends Error {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly reason?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
}

function meaningOf(error: NetworkError): Meaning | undefined {
  // undici gives some errors of its parser no code.
  if (error.name === 'HTTPParserError') return notHttp;
  const { code } = error;
  if (typeof code !== 'string') return undefined;
  const known = meanings[code] ?? families.find(([pattern]) => pattern.test(code))?.[1];
  return known ?? (error.syscall === 'connect' ? unreachable : undefined);
}

/** Node's words where they add something: which address was tried, which host a certificate is for. */
function reasonOf({ code, reason, address, port, message }: NetworkError): string {
  const name = typeof code === 'string' ? code : message;
  if (typeof reason === 'string' && reason !== '') return `${name}: ${reason}`;
  return typeof address === 'string' ? `${name} ${address}:${port}` : name;
}
